/**
 * Serves one lane's queue. Holds no more messages than jobs it can work on at once, so that nothing waits hidden
 * behind a long job, and memory stays flat however many jobs there are. Jobs that the other lane of this process
 * brings count, too: what a poll gives beyond the places that are left when it ends goes back at once. A job that has left
 * the accelerator makes room for the next message before it is over.
 */
import { setMaxListeners } from 'node:events';
import { type Clock, EspalierError, ensureError, newOwnerTag, systemClock } from '@espalier/contracts';
import type { JobQueue, QueueMessage } from '@espalier/queue';
import { systemTimers, type Timers } from '../timers.ts';
import type { MessageContext } from './attend-claim.ts';
import { handleMessage } from './handle-message.ts';
import { LANE_PACE, type LaneOptions, type LaneVoice, type NextLane } from './lane-options.ts';
import { type Place, Places } from './places.ts';

/** Jobs that may have left the accelerator and still be on their way to a mesh: as many as the pipeline extracts at once. */
const EXTRACTED_AT_ONCE = 1;

export class LaneWorker implements NextLane {
  readonly id = newOwnerTag();
  readonly #options: LaneOptions;
  readonly #queue: JobQueue;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #pace: typeof LANE_PACE;
  readonly #places: Places;
  /** Of jobs that have left the accelerator. */
  readonly #extracting = new Places(EXTRACTED_AT_ONCE);
  /** Of the messages in hand, those whose jobs went on in the other lane among them. */
  readonly #work = new Set<Promise<void>>();

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#places = new Places(options.width ?? 1);
    this.#queue = options.source ?? options.queues[options.lane];
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#pace = { ...LANE_PACE, ...options.pace };
  }

  /** Jobs in work now, whoever brought them. */
  get active(): number {
    return this.#places.taken + this.#extracting.taken;
  }

  /** Takes over a job from another lane of this process, where a place is free. */
  takeOver(place: Place): LaneVoice | undefined {
    return place.moveTo(this.#places) ? this.#voice : undefined;
  }

  get #voice(): LaneVoice {
    const { lane, hooks, logger } = this.#options;
    return { lane, hooks, logger: logger.child({ lane }) };
  }

  /**
   * Works until the signal is aborted; what is in work then is saved, handed back and left to others. A queue that
   * fails is tried again until it heals.
   */
  async serve(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    // Each job in work listens.
    setMaxListeners(0, signal);
    for (let faults = 0; !signal.aborted; ) {
      if (this.#places.free === 0) {
        await this.#places.freed();
        continue;
      }
      try {
        const max = Math.min(10, this.#places.free);
        const messages = await this.#queue.receive({ max, waitSeconds: this.#pace.poll, signal });
        faults = 0;
        for (const message of messages) this.#take(message, signal);
      } catch (thrown) {
        faults += 1;
        const wait = Math.min(60_000, 1000 * 2 ** Math.min(10, faults));
        const error = ensureError(thrown);
        const known = error instanceof EspalierError ? { code: error.code, remedy: error.remedy } : { err: error };
        logger.error({ ...known, retry_in_seconds: wait / 1000 }, error.message);
        await this.#timers.sleep(wait, signal);
      }
    }
    await Promise.all(this.#work);
  }

  #take(message: QueueMessage, signal: AbortSignal): void {
    const place = this.#places.take();
    const work = place === undefined ? this.#putBack(message) : this.#attend(message, place, signal);
    const entry = work.finally(() => this.#work.delete(entry));
    this.#work.add(entry);
  }

  /**
   * As a new message: workers that are full as well may put it back many times before one has a place, and a count of
   * receives must not bury what nobody has tried.
   */
  async #putBack(message: QueueMessage): Promise<void> {
    try {
      await this.#queue.send(message.body);
      await message.delete();
    } catch {
      // If even that fails, it shows again by itself.
      await message.extend(0).catch(() => {});
    }
  }

  async #attend(message: QueueMessage, place: Place, signal: AbortSignal): Promise<void> {
    try {
      await handleMessage(this.#context(place, signal), message);
    } finally {
      place.release();
    }
  }

  /** The place is free for the next job as soon as there is one for this job elsewhere; till then both are one. */
  async #leaveDevice(place: Place): Promise<void> {
    while (place.isAmong(this.#places) && !place.moveTo(this.#extracting)) await this.#extracting.freed();
  }

  #context(place: Place, signal: AbortSignal): MessageContext {
    const { store, runner, leaseSeconds, queues, finishLane } = this.#options;
    return {
      options: this.#options,
      store,
      runner,
      logger: this.#voice.logger,
      clock: this.#clock,
      timers: this.#timers,
      worker: this.id,
      leaseMs: leaseSeconds * 1000,
      settleMs: this.#pace.settle * 1000,
      beatMs: this.#pace.beat * 1000,
      youngMs: this.#pace.beat * 1000,
      stallMs: this.#pace.stall * 1000,
      graceMs: this.#pace.grace * 1000,
      // Trying again on the same machine would only run out again.
      failOutOfMemory: queues.generateLarge === undefined || this.#queue === queues.generateLarge,
      signal,
      leaveDevice: () => void this.#leaveDevice(place),
      ...(finishLane !== undefined && { moveOn: () => finishLane.takeOver(place) }),
    };
  }
}
