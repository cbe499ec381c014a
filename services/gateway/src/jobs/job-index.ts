/**
 * All jobs of the bucket at a glance, for lists and counts. Refreshed by listing; only what has another ETag than
 * before is read again.
 */
import type { Clock, JobStatus } from '@espalier/contracts';
import {
  CANCEL_PREFIX,
  idFromKey,
  JOBS_PREFIX,
  type ObjectInfo,
  type ObjectStore,
  STATUS_PREFIX,
} from '@espalier/storage';
import { assemble, type JobRecord, parseStatus, parseStored, type ReadJob } from './job-records.ts';

export interface JobIndexOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Oldest answer in milliseconds. */
  readonly maximumAge: number;
}

interface ReadStatus {
  readonly etag: string;
  readonly status?: JobStatus;
}
interface IndexedJob extends ReadJob {
  readonly info: ObjectInfo;
}

const PARALLEL_READS = 16;

export class JobIndex {
  readonly #options: JobIndexOptions;
  readonly #statuses = new Map<string, ReadStatus>();
  readonly #jobs = new Map<string, IndexedJob>();
  #records: readonly JobRecord[] = [];
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #running: Promise<void> | undefined;

  constructor(options: JobIndexOptions) {
    this.#options = options;
  }

  /** Newest submission first. */
  async records(): Promise<readonly JobRecord[]> {
    if (this.#options.clock.now() - this.#refreshedAt > this.#options.maximumAge) {
      this.#running ??= this.#refresh().finally(() => {
        this.#running = undefined;
      });
      await this.#running;
    }
    return this.#records;
  }

  /** The next answer looks again, for whoever has just changed something. */
  expire(): void {
    this.#refreshedAt = Number.NEGATIVE_INFINITY;
  }

  async #refresh(): Promise<void> {
    const at = this.#options.clock.now();
    const { store } = this.#options;
    const [jobs, statuses, markers] = await Promise.all(
      [JOBS_PREFIX, STATUS_PREFIX, CANCEL_PREFIX].map((prefix) => listAll(store, prefix)),
    );
    await this.#readStatuses(statuses ?? []);
    await this.#readJobs(jobs ?? []);
    const marked = new Set((markers ?? []).map((info) => info.key.slice(CANCEL_PREFIX.length)));
    const records: JobRecord[] = [];
    for (const id of new Set([...this.#statuses.keys(), ...this.#jobs.keys()])) {
      const status = this.#statuses.get(id)?.status;
      const key = status?.source ?? `${JOBS_PREFIX}${id}.json`;
      const read = this.#jobs.get(idFromKey(JOBS_PREFIX, key) ?? id);
      records.push(
        assemble({
          id,
          ...(read?.job !== undefined && { job: read.job }),
          seedDrawn: read?.seedDrawn ?? false,
          ...(status !== undefined && { status }),
          jobEtag: read?.info.etag,
          jobModifiedAt: read?.info.modifiedAt,
          marked: marked.has(id),
        }),
      );
    }
    // A job object whose content names another id stands under that id.
    const aliases = new Set(
      records.flatMap(({ id, status }) =>
        status && idFromKey(JOBS_PREFIX, status.source) !== id ? [idFromKey(JOBS_PREFIX, status.source)] : [],
      ),
    );
    this.#records = records
      .filter((record) => record.status !== undefined || !aliases.has(record.id))
      .sort((a, b) => b.submittedAt - a.submittedAt || (a.id < b.id ? -1 : 1));
    this.#refreshedAt = at;
  }

  async #readStatuses(infos: readonly ObjectInfo[]): Promise<void> {
    const seen = new Set<string>();
    await inParallel(infos, async ({ key, etag }) => {
      const id = idFromKey(STATUS_PREFIX, key);
      if (id === undefined) return;
      seen.add(id);
      if (this.#statuses.get(id)?.etag === etag) return;
      const object = await this.#options.store.get(key);
      if (object === undefined) return;
      try {
        this.#statuses.set(id, { etag: object.etag, status: parseStatus(object.body) });
      } catch {
        // One broken record must not hide all the others.
        this.#statuses.set(id, { etag: object.etag });
      }
    });
    for (const id of this.#statuses.keys()) if (!seen.has(id)) this.#statuses.delete(id);
  }

  async #readJobs(infos: readonly ObjectInfo[]): Promise<void> {
    const seen = new Set<string>();
    await inParallel(infos, async (info) => {
      const id = idFromKey(JOBS_PREFIX, info.key);
      if (id === undefined) return;
      seen.add(id);
      const known = this.#jobs.get(id);
      if (known?.info.etag === info.etag && known.unsettled !== true) return;
      const { store } = this.#options;
      const object = await store.get(info.key);
      if (object !== undefined) this.#jobs.set(id, { info, ...(await parseStored(store, id, object.body)) });
    });
    for (const id of this.#jobs.keys()) if (!seen.has(id)) this.#jobs.delete(id);
  }
}

async function listAll(store: ObjectStore, prefix: string): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(prefix, after === undefined ? {} : { after });
    found.push(...page.objects);
    after = page.next;
  } while (after !== undefined);
  return found;
}

export async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const iterator = items.values();
  await Promise.all(
    Array.from({ length: PARALLEL_READS }, async () => {
      for (const item of iterator) await work(item);
    }),
  );
}
