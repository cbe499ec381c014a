/**
 * Keeps a message hidden while the work on it advances, and only then: a child that hangs does not advance, the
 * beat stops, and the message goes to somebody else.
 */
import { type Clock, LostClaimError, systemClock, TerminalError } from '@espalier/contracts';
import type { QueueMessage } from './job-queue.ts';

export interface HeartbeatOptions {
  /** Each beat hides the message for this long. */
  readonly visibilitySeconds: number;
  /** Between two beats; less than `visibilitySeconds`. @defaultValue half of it */
  readonly everySeconds?: number;
  /** Without progress for this long the beat stops. */
  readonly stallSeconds: number;
  /** The beat has stopped for good: the message is somebody else's, or soon will be. */
  readonly onLost: (error: LostClaimError) => void;
  /** A beat failed and the next one will try again. */
  readonly onMissed?: (error: unknown) => void;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** Calls `wake` after `milliseconds`; gives a function that calls it off. @defaultValue setTimeout */
  readonly schedule?: (milliseconds: number, wake: () => void) => () => void;
}

export class Heartbeat {
  readonly #message: Pick<QueueMessage, 'extend'>;
  readonly #options: HeartbeatOptions;
  readonly #every: number;
  readonly #clock: Clock;
  readonly #schedule: (milliseconds: number, wake: () => void) => () => void;
  #callOff: () => void = () => {};
  #advancedAt: number;
  #hiddenUntil: number;
  #stopped = false;

  /** Starts beating. @throws TerminalError SETTING_INVALID when the interval cannot keep the message hidden */
  constructor(message: Pick<QueueMessage, 'extend'>, options: HeartbeatOptions) {
    this.#message = message;
    this.#options = options;
    this.#every = options.everySeconds ?? options.visibilitySeconds / 2;
    if (!(this.#every > 0 && this.#every < options.visibilitySeconds)) {
      throw new TerminalError(
        `a beat every ${this.#every} s cannot keep a message hidden that shows after ${options.visibilitySeconds} s`,
        { code: 'SETTING_INVALID', field: 'everySeconds', remedy: 'beat more often than the visibility timeout' },
      );
    }
    this.#clock = options.clock ?? systemClock;
    this.#schedule = options.schedule ?? scheduleTimeout;
    this.#advancedAt = this.#clock.now();
    this.#hiddenUntil = this.#advancedAt + options.visibilitySeconds * 1000;
    this.#next();
  }

  /** The work has moved: a sampler step, a stage, a saved checkpoint. */
  advanced(): void {
    this.#advancedAt = this.#clock.now();
  }

  stop(): void {
    this.#stopped = true;
    this.#callOff();
  }

  #next(): void {
    this.#callOff = this.#schedule(this.#every * 1000, () => void this.#beat());
  }

  async #beat(): Promise<void> {
    if (this.#stopped) return;
    const idle = (this.#clock.now() - this.#advancedAt) / 1000;
    if (idle >= this.#options.stallSeconds) {
      this.#lose(new LostClaimError(`no progress for ${Math.round(idle)} s`, { code: 'WORK_STALLED' }));
      return;
    }
    try {
      await this.#message.extend(this.#options.visibilitySeconds);
      this.#hiddenUntil = this.#clock.now() + this.#options.visibilitySeconds * 1000;
    } catch (error) {
      if (this.#stopped) return;
      if (error instanceof LostClaimError) return this.#lose(error);
      // A queue that cannot be reached now may be again before the message shows.
      if (this.#clock.now() >= this.#hiddenUntil) {
        return this.#lose(new LostClaimError('the queue could not be reached in time', { cause: error }));
      }
      this.#options.onMissed?.(error);
    }
    if (!this.#stopped) this.#next();
  }

  #lose(error: LostClaimError): void {
    this.stop();
    this.#options.onLost(error);
  }
}

function scheduleTimeout(milliseconds: number, wake: () => void): () => void {
  const timer = setTimeout(wake, milliseconds);
  return () => clearTimeout(timer);
}
