/** Posts a job's progress: never more than one post at a time, only the newest, and none after the result. */
import type { Logger } from '@espalier/contracts';
import type { ProgressOutput } from './handler.ts';
import type { Platform } from './platform.ts';

export interface ProgressOptions {
  readonly platform: Platform;
  readonly logger: Logger;
  /** Shortest time in milliseconds between two posts within a stage. */
  readonly pause: number;
  readonly now: () => number;
}

export class ProgressPoster {
  readonly #options: ProgressOptions;
  readonly #job: string;
  readonly #over = new AbortController();
  #posting: Promise<void> = Promise.resolve();
  #waiting: ProgressOutput | undefined;
  #stage = '';
  #postedAt = Number.NEGATIVE_INFINITY;
  #busy = false;

  constructor(job: string, options: ProgressOptions) {
    this.#job = job;
    this.#options = options;
  }

  tell(progress: ProgressOutput): void {
    const fresh = progress.stage !== this.#stage;
    if (!fresh && this.#options.now() - this.#postedAt < this.#options.pause) return;
    this.#stage = progress.stage;
    this.#postedAt = this.#options.now();
    this.#waiting = progress;
    if (!this.#busy) this.#posting = this.#drain();
  }

  /** After this nothing more is posted: the result must be the last that RunPod hears. */
  async end(): Promise<void> {
    this.#waiting = undefined;
    this.#over.abort();
    await this.#posting;
  }

  async #drain(): Promise<void> {
    const { platform, logger } = this.#options;
    this.#busy = true;
    while (this.#waiting !== undefined) {
      const output = this.#waiting;
      this.#waiting = undefined;
      try {
        await platform.post(
          platform.doneUrl(this.#job),
          this.#job,
          JSON.stringify({ status: 'IN_PROGRESS', output }),
          this.#over.signal,
        );
      } catch (error) {
        // Progress is a courtesy: the next one tells more anyway.
        if (!this.#over.signal.aborted) logger.debug({ job: this.#job, err: error }, 'progress was not told');
      }
    }
    this.#busy = false;
  }
}
