/**
 * One line per stage: rewritten in place on a terminal, written once elsewhere (and now and then in a long stage,
 * so that a log shows life).
 */
import type { PipelineEvent, StageName } from '@espalier/contracts';
import type { CliIo } from '../io.ts';
import { duration } from './format.ts';

export interface StageLinesOptions {
  readonly io: CliIo;
  /** Milliseconds, for how long things take. @defaultValue performance.now */
  readonly now?: () => number;
}

interface Running {
  readonly stage: StageName;
  readonly since: number;
  /** Steps are the sampler's; else they are shares of a whole. */
  readonly counted: boolean;
  readonly resumedFrom: number | undefined;
  step: number;
  steps: number | undefined;
  shownAt: number;
}

const REDRAW_MS = 250;
const LOG_EVERY_MS = 30_000;
const NAME_WIDTH = 10;
const DETAIL_WIDTH = 24;
const ERASE_LINE = '\r\u001b[2K';

export class StageLines {
  readonly #io: CliIo;
  readonly #now: () => number;
  #running: Running | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor({ io, now = () => performance.now() }: StageLinesOptions) {
    this.#io = io;
    this.#now = now;
  }

  /** Where the work is, for a message about its end: `structure, step 7 of 12`. */
  get place(): string | undefined {
    if (this.#running === undefined) return undefined;
    const { stage, step, steps, counted } = this.#running;
    return counted && steps !== undefined ? `${stage}, step ${step} of ${steps}` : stage;
  }

  /** A `PipelineListener`. */
  readonly listen = (event: PipelineEvent): void => {
    switch (event.type) {
      case 'stage.started':
        this.#start(event);
        break;
      case 'stage.step':
        this.#step(event.stage, event.step, event.steps);
        break;
      case 'stage.finished':
        this.#finish(event);
        break;
      case 'job.notice':
        this.#print(`  note: ${event.message}`);
        break;
    }
  };

  /** Leaves the line of the stage that is under way as it stands, and stops rewriting it. */
  stop(): void {
    clearInterval(this.#timer);
    if (this.#running !== undefined && this.#io.interactive) this.#io.err('\n');
    this.#running = undefined;
  }

  #start({ stage, steps, resumedFromStep }: Extract<PipelineEvent, { type: 'stage.started' }>): void {
    const since = this.#now();
    this.#running = {
      stage,
      since,
      counted: steps !== undefined,
      resumedFrom: resumedFromStep,
      step: resumedFromStep ?? 0,
      steps,
      shownAt: since,
    };
    if (!this.#io.interactive) return;
    this.#draw();
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
  }

  #step(stage: StageName, step: number, steps: number): void {
    if (this.#running?.stage !== stage) return;
    this.#running.step = step;
    this.#running.steps = steps;
    const now = this.#now();
    if (this.#io.interactive) this.#draw();
    else if (now - this.#running.shownAt >= LOG_EVERY_MS) {
      this.#running.shownAt = now;
      this.#io.err(`${this.#line(this.#running)}\n`);
    }
  }

  #finish({ stage, seconds, cached }: Extract<PipelineEvent, { type: 'stage.finished' }>): void {
    const running = this.#running?.stage === stage ? this.#running : undefined;
    this.#running = undefined;
    clearInterval(this.#timer);
    const detail = cached ? 'from checkpoint' : running === undefined ? '' : detailOf(running, true);
    this.#print(row(stage, detail, seconds));
  }

  #draw(): void {
    if (this.#running !== undefined) this.#io.err(`${ERASE_LINE}${this.#line(this.#running)}`);
  }

  #line(running: Running): string {
    const text = row(running.stage, detailOf(running, false), (this.#now() - running.since) / 1000);
    return text.slice(0, Math.max(20, this.#io.columns - 1));
  }

  /** A line of its own, above the one being rewritten. */
  #print(line: string): void {
    this.#io.err(this.#io.interactive ? `${ERASE_LINE}${line}\n` : `${line}\n`);
    if (this.#io.interactive) this.#draw();
  }
}

function row(stage: StageName, detail: string, seconds: number): string {
  return `  ${stage.padEnd(NAME_WIDTH)}  ${detail.padEnd(DETAIL_WIDTH)}  ${duration(seconds).padStart(8)}`;
}

function detailOf({ counted, step, steps, resumedFrom }: Running, done: boolean): string {
  if (steps === undefined) return '';
  if (!counted) return done ? '' : `${Math.floor((100 * step) / steps)}%`;
  const resumed = resumedFrom !== undefined && resumedFrom > 0 ? `, from ${resumedFrom}` : '';
  return `${step}/${steps} steps${resumed}`;
}
