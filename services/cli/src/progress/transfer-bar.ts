/** One line for everything that is under way: how much, how fast, how long still. */
import type { Clock } from '@espalier/contracts';
import { systemClock } from '@espalier/contracts';
import type { CliIo } from '../io.ts';
import { duration, fileSize } from './format.ts';

export interface Transferred {
  /** Bytes. */
  readonly total: number;
  readonly have: number;
}

/** Between two drawings on a terminal; elsewhere a line per tenth is enough. Milliseconds. */
const REDRAW = 200;
const BAR = 24;

export class TransferBar {
  readonly #io: CliIo;
  readonly #verb: string;
  readonly #clock: Clock;
  #startedAt: number | undefined;
  #startedWith = 0;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #tenth = -1;
  #open = false;

  /** @param verb what is going on, e.g. `fetching` */
  constructor(io: CliIo, verb: string, clock: Clock = systemClock) {
    this.#io = io;
    this.#verb = verb;
    this.#clock = clock;
  }

  show({ total, have }: Transferred): void {
    if (total === 0) return;
    const now = this.#clock.now();
    if (this.#startedAt === undefined) {
      this.#startedAt = now;
      this.#startedWith = have;
    }
    const share = Math.max(0, Math.min(1, have / total));
    if (!this.#io.interactive) {
      const tenth = Math.floor(share * 10);
      if (tenth <= this.#tenth) return;
      this.#tenth = tenth;
      this.#io.err(`${this.#verb}: ${tenth * 10}% of ${fileSize(total)}\n`);
      return;
    }
    if (now - this.#drawnAt < REDRAW && have < total) return;
    this.#drawnAt = now;
    const full = Math.round(share * BAR);
    const seconds = (now - this.#startedAt) / 1000;
    const speed = seconds > 0 ? (have - this.#startedWith) / seconds : 0;
    const rest = speed > 0 ? `  ${fileSize(Math.round(speed))}/s  ${duration((total - have) / speed)} left` : '';
    const line = `${this.#verb} [${'#'.repeat(full)}${'.'.repeat(BAR - full)}] ${Math.floor(share * 100)}% of ${fileSize(total)}${rest}`;
    this.#io.err(`\r\u001b[2K${line.slice(0, this.#io.columns - 1)}`);
    this.#open = true;
  }

  /** Takes the line away. */
  end(): void {
    if (this.#open) this.#io.err('\r\u001b[2K');
    this.#open = false;
  }
}
