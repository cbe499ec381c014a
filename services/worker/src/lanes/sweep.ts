/**
 * Finds what no message speaks of any more, and announces it again: queues lose messages, the bucket does not.
 *
 * It looks only while the queues are empty. As long as something waits in them, a job without a record is most
 * likely waiting too, and announcing it again would only make the queue longer.
 *
 * It remembers what need not be read again: of what still lies in the bucket, and up to a bound. What is beyond it costs
 * a read in every sweep. Nothing is forgotten for something newer: of more than fits, swept in the same order every
 * time, nothing would be left when its turn comes.
 */
import { setImmediate } from 'node:timers/promises';
import { type Clock, isTerminal, jobIdFromName, type Logger, sha256, TerminalError } from '@espalier/contracts';
import { encodeJobTurn, type JobQueue } from '@espalier/queue';
import {
  idFromKey,
  JOBS_PREFIX,
  type ObjectInfo,
  type ObjectStore,
  readStatus,
  type SeenStatus,
  STATUS_PREFIX,
  SWEEP_KEY,
} from '@espalier/storage';
import { leaseEnd, retryTime } from '../status-record.ts';
import { listSubmissions, readSubmission, takenId } from '../submissions.ts';
import type { Timers } from '../timers.ts';

export interface SweepOptions {
  readonly store: ObjectStore;
  /** What is found goes to the first; all must be empty. */
  readonly queues: readonly [JobQueue, ...JobQueue[]];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between two sweeps of any worker on this bucket. @defaultValue 300 */
  readonly everySeconds?: number;
  /** What moved less long ago is left alone. @defaultValue 60 */
  readonly quietSeconds?: number;
  /** Job objects of which is remembered that nothing is to be read again. @defaultValue 1,000,000, some 40 MB */
  readonly rememberedMax?: number;
}

/** Objects that are looked at in one turn of the event loop. */
const TURN = 1000;

export class Sweep {
  readonly #options: SweepOptions;
  readonly #every: number;
  readonly #quiet: number;
  readonly #rememberedMax: number;
  /** Marks of what is settled, as the last sweep left it, and as the one under way finds it. */
  #settled: ReadonlySet<number> = new Set();
  #found = new Set<number>();

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#every = (options.everySeconds ?? 300) * 1000;
    this.#quiet = (options.quietSeconds ?? 60) * 1000;
    this.#rememberedMax = options.rememberedMax ?? 1_000_000;
  }

  /** Job objects of which something is remembered. */
  get remembered(): number {
    return this.#settled.size;
  }

  async serve(timers: Timers, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.once();
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'the bucket could not be swept; trying again');
      }
      await timers.sleep(this.#every, signal);
    }
  }

  /** @returns how many jobs were announced; undefined when it was not this worker's turn */
  async once(): Promise<number | undefined> {
    const { queues, store, logger } = this.#options;
    for (const queue of queues) if ((await queue.depth()) > 0) return undefined;
    if (!(await this.#takeTurn())) return undefined;
    const records = await this.#records();
    this.#found = new Set();
    let announced = 0;
    let looked = 0;
    for (const object of await listSubmissions(store)) {
      // Of a full bucket most is settled and needs no waiting: others must have their turns.
      if (++looked % TURN === 0) await setImmediate();
      if (!(await this.#isLost(object, records))) continue;
      await queues[0].send(encodeJobTurn({ job: idOf(object), key: object.key }));
      announced += 1;
    }
    this.#settled = this.#found;
    if (announced > 0) logger.warn({ announced }, 'jobs were announced again that no message spoke of');
    return announced;
  }

  /** One worker of all sweeps: who moves the record first. */
  async #takeTurn(): Promise<boolean> {
    const { store, clock } = this.#options;
    const last = await store.get(SWEEP_KEY);
    const at = last === undefined ? 0 : Number(new TextDecoder().decode(last.body)) || 0;
    // A time from the future is a wrong clock's, and binds nobody.
    if (last !== undefined && Math.abs(clock.now() - at) < this.#every * 0.9) return false;
    const condition = last === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: last.etag };
    return (await store.put(SWEEP_KEY, new TextEncoder().encode(String(clock.now())), condition)).written;
  }

  async #isLost(object: ObjectInfo, records: ReadonlyMap<string, ObjectInfo>): Promise<boolean> {
    const now = this.#options.clock.now();
    if (now - object.modifiedAt < this.#quiet) return false;
    const own = records.get(idOf(object));
    const mark = markOf(object, own);
    if (this.#isSettled(mark)) return false;
    const seen = await this.#recordOf(object);
    if (seen === 'unreadable') {
      // Whoever looks at it says so in a dead letter: once from here.
      this.#settle(mark);
      return true;
    }
    if (seen === undefined) return true;
    const { status } = seen;
    if (status.job_etag !== object.etag || (isTerminal(status.state) && object.modifiedAt > seen.modifiedAt))
      return true;
    if (isTerminal(status.state)) {
      this.#settle(mark);
      return false;
    }
    if (retryTime(status) > now || now - seen.modifiedAt < this.#quiet) return false;
    return status.state === 'queued' || leaseEnd(status) + this.#quiet < now;
  }

  /** Of this very object: under its name, the id that stands in it, or, where that was taken, one of its own. */
  async #recordOf(object: ObjectInfo): Promise<SeenStatus | 'unreadable' | undefined> {
    const { store } = this.#options;
    const recordOf = async (id: string): Promise<SeenStatus | 'unreadable' | undefined> => {
      try {
        const seen = await readStatus(store, id);
        return seen?.status.source === object.key ? seen : undefined;
      } catch (error) {
        if (error instanceof TerminalError) return 'unreadable';
        throw error;
      }
    };
    const named = await recordOf(idOf(object));
    if (named !== undefined) return named;
    const reading = await readSubmission(store, object, () => 0);
    if (reading === undefined) return undefined;
    const { id } = reading.submission;
    const other = id === idOf(object) ? undefined : await recordOf(id);
    return other ?? recordOf(takenId(reading, '').submission.id);
  }

  #isSettled(mark: number): boolean {
    const is = this.#settled.has(mark);
    if (is) this.#settle(mark);
    return is;
  }

  #settle(mark: number): void {
    if (this.#found.size < this.#rememberedMax) this.#found.add(mark);
  }

  async #records(): Promise<Map<string, ObjectInfo>> {
    const found = new Map<string, ObjectInfo>();
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await this.#options.store.list(STATUS_PREFIX, { after });
      for (const object of page.objects) {
        const id = idFromKey(STATUS_PREFIX, object.key);
        if (id !== undefined) found.set(id, object);
      }
      after = page.next;
    }
    return found;
  }
}

function idOf({ key }: ObjectInfo): string {
  return jobIdFromName(key.slice(JOBS_PREFIX.length));
}

/**
 * What is remembered of a version of job object and record of its name: 52 bits of a digest. Of a million, one that was
 * never seen is taken for one of them once in four thousand million times.
 */
function markOf({ key, etag, modifiedAt }: ObjectInfo, record: ObjectInfo | undefined): number {
  return Number.parseInt(sha256(`${key}\n${etag}\n${modifiedAt}\n${record?.etag ?? ''}`).slice(0, 13), 16);
}
