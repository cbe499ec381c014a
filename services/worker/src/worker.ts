/**
 * The worker: looks through the bucket's `jobs/`, takes what is due, oldest first, and works on one job at a time.
 * Any number of workers may share a bucket.
 */
import {
  type Clock,
  EspalierError,
  ensureError,
  isTerminal,
  type JobStatus,
  type Logger,
  newOwnerTag,
  type PipelineListener,
  type RandomInteger,
  systemClock,
} from '@espalier/contracts';
import type { ObjectInfo, ObjectStore } from '@espalier/storage';
import { attemptClaim, type ClaimResult } from './attempt-claim.ts';
import { type AttendContext, attend, type Outcome } from './attend.ts';
import type { JobRunner } from './runner.ts';
import { listSubmissions, readSubmission } from './submissions.ts';
import { systemTimers, type Timers } from './timers.ts';

export interface WorkerOptions {
  readonly store: ObjectStore;
  readonly runner: JobRunner;
  readonly logger: Logger;
  /** Draws seeds; `randomInt` of `node:crypto`. */
  readonly random: RandomInteger;
  /** A silent worker loses its job after this long. */
  readonly leaseSeconds: number;
  readonly onEvent?: PipelineListener;
  /** Called with the record of each job that came to its end here. */
  readonly onEnd?: (status: JobStatus) => void;
  /** Wakes the worker when `jobs/` may have changed. Gives a function that ends it. */
  readonly watch?: (onChange: () => void) => () => void;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** @defaultValue the system's */
  readonly timers?: Timers;
  /** @defaultValue WORKER_DEFAULTS */
  readonly pace?: Partial<typeof WORKER_DEFAULTS>;
}

/** All in seconds. */
export const WORKER_DEFAULTS = {
  /** Between looks at the whole of `jobs/` when nothing wakes the worker. */
  sweep: 5,
  /** Between looks at the cancel marker and writes of progress. */
  beat: 1,
  /** Age at which a cut job file counts as broken rather than as being written. */
  settle: 2,
  /** Without any event from a job this long, it counts as hung. */
  stall: 1800,
  /** A run that was told to stop and does not is left to itself after this long. */
  grace: 15,
} satisfies Record<string, number>;

/** How many jobs ended how, in this worker's hands. */
export type WorkSummary = Record<Outcome, number>;

export class Worker {
  readonly id = newOwnerTag();
  readonly #options: WorkerOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #pace: typeof WORKER_DEFAULTS;
  readonly #summary: WorkSummary = {
    succeeded: 0,
    failed: 0,
    cancelled: 0,
    rejected: 0,
    'handed-over': 0,
    returned: 0,
    lost: 0,
  };
  /** Versions of job objects in the bucket that are at their end, and of which nothing is to be read again. */
  readonly #ended = new Map<string, string>();

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
    this.#pace = { ...WORKER_DEFAULTS, ...options.pace };
  }

  /**
   * Works until nothing is left to do: what others hold is left to them as long as they show life, and taken over
   * when they don't.
   *
   * @throws EspalierError of the store when it cannot be used
   */
  async drain(signal: AbortSignal): Promise<WorkSummary> {
    /** Leases of others as first seen: one that was renewed since belongs to a living worker. */
    const leases = new Map<string, number>();
    while (!signal.aborted) {
      const { worked, later } = await this.#sweep(signal);
      if (worked) continue;
      const mine = later.filter(({ key, at, holder }) => {
        if (holder === undefined) return true;
        const first = leases.get(key) ?? at;
        leases.set(key, first);
        return first === at;
      });
      if (mine.length === 0) break;
      const next = Math.min(...mine.map(({ at }) => at)) - this.#clock.now();
      await this.#timers.sleep(Math.min(1000, Math.max(10, next)), signal);
    }
    return this.#summary;
  }

  /** Works and waits for more until the signal is aborted. A store that fails is tried again until it heals. */
  async serve(signal: AbortSignal): Promise<WorkSummary> {
    let wake = () => {};
    const unwatch = this.#options.watch?.(() => wake()) ?? (() => {});
    let faults = 0;
    try {
      while (!signal.aborted) {
        const changed = new AbortController();
        wake = () => changed.abort();
        let wait = this.#pace.sweep * 1000;
        try {
          const { worked, later } = await this.#sweep(signal);
          if (worked) continue;
          faults = 0;
          const next = Math.min(...later.map(({ at }) => at)) - this.#clock.now();
          wait = Math.min(wait, Math.max(10, next));
        } catch (thrown) {
          faults += 1;
          wait = Math.min(60_000, 1000 * 2 ** faults);
          this.#logFault(ensureError(thrown), wait);
        }
        await this.#timers.sleep(wait, AbortSignal.any([signal, changed.signal]));
      }
    } finally {
      unwatch();
    }
    return this.#summary;
  }

  /**
   * One look at the whole of `jobs/`, doing what is due. Each job is read again when its turn comes: what others did
   * meanwhile is seen.
   */
  async #sweep(signal: AbortSignal): Promise<{ worked: boolean; later: Later[] }> {
    const objects = await listSubmissions(this.#options.store);
    const there = new Set(objects.map(({ key }) => key));
    for (const key of this.#ended.keys()) if (!there.has(key)) this.#ended.delete(key);
    const due = objects.filter((object) => this.#ended.get(object.key) !== versionOf(object));
    due.sort((a, b) => a.modifiedAt - b.modifiedAt || (a.key < b.key ? -1 : 1));
    const later: Later[] = [];
    let worked = false;
    for (const object of due) {
      if (signal.aborted) break;
      const result = await this.#lookAt(object, signal);
      if (result === 'worked') worked = true;
      else if (result !== undefined) later.push({ key: object.key, ...result });
    }
    return { worked, later };
  }

  async #lookAt(object: ObjectInfo, signal: AbortSignal): Promise<'worked' | Omit<Later, 'key'> | undefined> {
    const { store, random, leaseSeconds } = this.#options;
    const reading = await readSubmission(store, object, random);
    if (reading === undefined) return undefined;
    const { id } = reading.submission;
    const logger = this.#options.logger.child({ job: id });
    const context: AttendContext = {
      store,
      clock: this.#clock,
      timers: this.#timers,
      runner: this.#options.runner,
      logger,
      worker: this.id,
      leaseMs: leaseSeconds * 1000,
      settleMs: this.#pace.settle * 1000,
      beatMs: this.#pace.beat * 1000,
      stallMs: this.#pace.stall * 1000,
      graceMs: this.#pace.grace * 1000,
      signal,
      ...(this.#options.onEvent !== undefined && { onEvent: this.#options.onEvent }),
    };
    let result: ClaimResult;
    try {
      result = await attemptClaim(context, reading);
    } catch (error) {
      if (!(error instanceof EspalierError) || error.code !== 'STATUS_UNREADABLE') throw error;
      // One broken record must not keep the others waiting.
      logger.error({ code: error.code, remedy: error.remedy }, error.message);
      this.#ended.set(object.key, versionOf(object));
      return undefined;
    }
    if (result.kind === 'later')
      return { at: result.at, ...(result.holder !== undefined && { holder: result.holder }) };
    if (result.kind === 'ended') {
      this.#ended.set(object.key, versionOf(object));
      if (result.justNow) this.#count(result.status, logger);
      return undefined;
    }
    logger.info({ attempt: result.claim.status.attempt, seed: result.job.input.seed }, 'job claimed');
    const outcome = await attend(context, result.claim, result.job);
    this.#summary[outcome] += 1;
    if (isTerminal(result.claim.status.state)) this.#options.onEnd?.(result.claim.status);
    return 'worked';
  }

  #count(status: JobStatus, logger: Logger): void {
    const { state, error } = status;
    if (state === 'rejected' || state === 'cancelled' || state === 'failed') this.#summary[state] += 1;
    logger.warn({ code: error?.code, remedy: error?.remedy }, `job ${state}${error ? `: ${error.message}` : ''}`);
    this.#options.onEnd?.(status);
  }

  #logFault(error: Error, wait: number): void {
    const known = error instanceof EspalierError ? { code: error.code, remedy: error.remedy } : { err: error };
    this.#options.logger.error({ ...known, retry_in_seconds: wait / 1000 }, error.message);
  }
}

function versionOf({ etag, modifiedAt }: ObjectInfo): string {
  return `${etag} ${modifiedAt}`;
}

interface Later {
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly holder?: string;
}
