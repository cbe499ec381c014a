/**
 * Tells followers when a job's record changes. The bucket has no bell, so one loop looks at the jobs that somebody
 * follows, and only at those; a worker in this process may ring by `poke`.
 *
 * Holds: every follower gets the record as it is when it joins and every later one that the loop sees, in order,
 * and the last one always.
 */
import { ensureError, type Logger } from '@espalier/contracts';
import { inParallel } from './job-index.ts';
import type { JobRecord, JobRecords } from './job-records.ts';

export type JobListener = (record: JobRecord) => void;

interface Followed {
  readonly listeners: Set<JobListener>;
  fingerprint: string;
  record: JobRecord | undefined;
  /** Looks are made one after the other, so that an older answer never follows a newer one. */
  looking: Promise<void>;
}

export class JobWatcher {
  readonly #records: JobRecords;
  readonly #pause: number;
  readonly #logger: Logger;
  readonly #followed = new Map<string, Followed>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** @param pause shortest time in milliseconds between two looks */
  constructor(records: JobRecords, pause: number, logger: Logger) {
    this.#records = records;
    this.#pause = pause;
    this.#logger = logger;
  }

  /** Calls `listener` with the present record, soon, and with every one that follows. Returns the way out. */
  follow(id: string, listener: JobListener): () => void {
    let followed = this.#followed.get(id);
    if (followed === undefined) {
      followed = { listeners: new Set(), fingerprint: '', record: undefined, looking: Promise.resolve() };
      this.#followed.set(id, followed);
    }
    followed.listeners.add(listener);
    if (followed.record !== undefined) listener(followed.record);
    else this.poke(id);
    this.#schedule(this.#pause);
    return () => {
      followed.listeners.delete(listener);
      if (followed.listeners.size === 0 && this.#followed.get(id) === followed) this.#followed.delete(id);
    };
  }

  /** Waits until `done` holds for the job, at most `milliseconds`. @returns the last record seen */
  async until(
    id: string,
    done: (record: JobRecord) => boolean,
    milliseconds: number,
    signal?: AbortSignal,
  ): Promise<JobRecord | undefined> {
    let last: JobRecord | undefined;
    await new Promise<void>((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', end);
        queueMicrotask(() => leave());
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      signal?.addEventListener('abort', end);
      const leave = this.follow(id, (record) => {
        last = record;
        if (done(record)) end();
      });
      if (signal?.aborted === true || this.#closed) end();
    });
    return last;
  }

  /** Looks at once. */
  poke(id: string): void {
    const followed = this.#followed.get(id);
    if (followed !== undefined) void this.#look(id, followed);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#followed.clear();
  }

  #schedule(pause: number): void {
    if (this.#timer !== undefined || this.#closed || this.#followed.size === 0) return;
    this.#timer = setTimeout(() => void this.#turn(), pause);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    const start = performance.now();
    await inParallel([...this.#followed], ([id, followed]) => this.#look(id, followed));
    this.#timer = undefined;
    // Many jobs make long turns: looking takes half of the time at most.
    this.#schedule(Math.max(this.#pause, performance.now() - start));
  }

  #look(id: string, followed: Followed): Promise<void> {
    followed.looking = followed.looking.then(async () => {
      if (followed.listeners.size === 0) return;
      try {
        const fingerprint = await this.#records.fingerprint(id, followed.record?.status?.source);
        if (fingerprint === followed.fingerprint) return;
        const record = await this.#records.read(id);
        followed.fingerprint = fingerprint;
        if (record === undefined) return;
        followed.record = record;
        for (const listener of [...followed.listeners]) listener(record);
      } catch (error) {
        // The store may heal: the next turn looks again.
        this.#logger.warn({ job: id, err: ensureError(error) }, 'could not look at a followed job');
      }
    });
    return followed.looking;
  }
}
