/**
 * Serves one lane's queue. Holds no more messages than jobs it can work on at once, so that nothing waits hidden
 * behind a long job, and memory stays flat however many jobs there are.
 */
import { setMaxListeners } from 'node:events';
import { type Clock, EspalierError, ensureError, newOwnerTag, systemClock } from '@espalier/contracts';
import type { JobQueue } from '@espalier/queue';
import { systemTimers, type Timers } from '../timers.ts';
import { handleMessage, type MessageContext } from './handle-message.ts';
import { LANE_PACE, type LaneOptions } from './lane-options.ts';

export class LaneWorker {
  readonly id = newOwnerTag();
  readonly #options: LaneOptions;
  readonly #queue: JobQueue;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #pace: typeof LANE_PACE;
  readonly #active = new Set<Promise<void>>();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#queue = options.source ?? options.queues[options.lane];
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#pace = { ...LANE_PACE, ...options.pace };
  }

  /** Jobs in work now. */
  get active(): number {
    return this.#active.size;
  }

  /**
   * Works until the signal is aborted; what is in work then is saved, handed back and left to others. A queue that
   * fails is tried again until it heals.
   */
  async serve(signal: AbortSignal): Promise<void> {
    const { width = 1, logger } = this.#options;
    // Each job in work listens.
    setMaxListeners(0, signal);
    for (let faults = 0; !signal.aborted; ) {
      if (this.#active.size >= width) {
        await Promise.race(this.#active);
        continue;
      }
      try {
        const max = Math.min(10, width - this.#active.size);
        const messages = await this.#queue.receive({ max, waitSeconds: this.#pace.poll, signal });
        faults = 0;
        for (const message of messages) this.#take(handleMessage(this.#context(signal), message));
      } catch (thrown) {
        faults += 1;
        const wait = Math.min(60_000, 1000 * 2 ** Math.min(10, faults));
        const error = ensureError(thrown);
        const known = error instanceof EspalierError ? { code: error.code, remedy: error.remedy } : { err: error };
        logger.error({ ...known, retry_in_seconds: wait / 1000 }, error.message);
        await this.#timers.sleep(wait, signal);
      }
    }
    await Promise.all(this.#active);
  }

  #take(work: Promise<void>): void {
    const entry = work.finally(() => this.#active.delete(entry));
    this.#active.add(entry);
  }

  #context(signal: AbortSignal): MessageContext {
    const { store, runner, logger, leaseSeconds, queues } = this.#options;
    return {
      options: this.#options,
      store,
      runner,
      logger: logger.child({ lane: this.#options.lane }),
      clock: this.#clock,
      timers: this.#timers,
      worker: this.id,
      leaseMs: leaseSeconds * 1000,
      settleMs: this.#pace.settle * 1000,
      beatMs: this.#pace.beat * 1000,
      stallMs: this.#pace.stall * 1000,
      graceMs: this.#pace.grace * 1000,
      // Trying again on the same machine would only run out again.
      failOutOfMemory: queues.generateLarge === undefined || this.#queue === queues.generateLarge,
      signal,
    };
  }
}
