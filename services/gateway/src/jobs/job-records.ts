/**
 * What the bucket says of a job, read from its two objects: the job as submitted and the status record. Nothing
 * is remembered but parsed copies of immutable content, so any number of gateways may stand before one bucket.
 */
import {
  isObject,
  isTerminal,
  type Job,
  type JobState,
  type JobStatus,
  JobStatusSchema,
  parseJob,
  parseJobBody,
  RejectedError,
} from '@espalier/contracts';
import { cancelKey, jobKey, type ObjectStore, resolveFrom, statusKey } from '@espalier/storage';
import { LRUCache } from 'lru-cache';

/** Tag that names the job a re-finished one was made from. */
export const FROM_TAG = 'espalier.from';

export interface JobRecord {
  readonly id: string;
  /** What a caller may count on: a job that was submitted anew is queued, whatever its old record says. */
  readonly state: JobState;
  /** Milliseconds since the epoch. */
  readonly submittedAt: number;
  /** Absent when the job object is gone or was refused. */
  readonly job?: Job;
  /** The job names no seed of its own: `job.input.seed` means nothing until the status says one. */
  readonly seedDrawn: boolean;
  /** Absent until a worker has seen this submission. */
  readonly status?: JobStatus;
  readonly cancelRequested: boolean;
}

export interface ReadJob {
  readonly job?: Job;
  readonly seedDrawn: boolean;
  /** Reading it again may say more: the job it goes on from was not there, or had not begun. */
  readonly unsettled?: boolean;
}

export class JobRecords {
  readonly #store: ObjectStore;
  /** By key and ETag: the content behind them never changes. */
  readonly #jobs = new LRUCache<string, ReadJob>({ max: 5000 });

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** @returns nothing when there is neither a job object nor a status record of that name */
  async read(id: string): Promise<JobRecord | undefined> {
    const [stored, marker] = await Promise.all([this.#store.get(statusKey(id)), this.#store.head(cancelKey(id))]);
    const status = stored === undefined ? undefined : parseStatus(stored.body);
    const key = status?.source ?? jobKey(id);
    const info = await this.#store.head(key);
    if (info === undefined && status === undefined) return undefined;
    const { job, seedDrawn } = info === undefined ? { seedDrawn: false } : await this.#job(id, key, info.etag);
    return assemble({
      id,
      ...(job !== undefined && { job }),
      seedDrawn,
      ...(status !== undefined && { status }),
      jobEtag: info?.etag,
      jobModifiedAt: info?.modifiedAt,
      marked: marker !== undefined,
    });
  }

  /** Changes whenever `read` would say something else. Cheaper than reading. */
  async fingerprint(id: string, source: string | undefined): Promise<string> {
    const infos = await Promise.all(
      [statusKey(id), source ?? jobKey(id), cancelKey(id)].map((key) => this.#store.head(key)),
    );
    return infos.map((info) => info?.etag ?? '-').join(' ');
  }

  async #job(id: string, key: string, etag: string): Promise<ReadJob> {
    const name = `${key} ${etag}`;
    const known = this.#jobs.get(name);
    if (known !== undefined) return known;
    const object = await this.#store.get(key);
    const read: ReadJob = object === undefined ? { seedDrawn: false } : await parseStored(this.#store, id, object.body);
    if (object?.etag === etag && read.unsettled !== true) this.#jobs.set(name, read);
    return read;
  }
}

export interface RecordParts {
  readonly id: string;
  readonly job?: Job;
  readonly seedDrawn: boolean;
  readonly status?: JobStatus;
  readonly jobEtag: string | undefined;
  readonly jobModifiedAt: number | undefined;
  /** A cancel marker exists. */
  readonly marked: boolean;
}

export function assemble({ id, job, seedDrawn, status, jobEtag, jobModifiedAt, marked }: RecordParts): JobRecord {
  const current = jobEtag === undefined || status?.job_etag === jobEtag ? status : undefined;
  const recorded = current?.state ?? 'queued';
  // Nobody works on a queued job: the request alone decides it, and the next worker only writes that down.
  const state = recorded === 'queued' && marked ? 'cancelled' : recorded;
  return {
    id,
    state,
    submittedAt: current === undefined ? (jobModifiedAt ?? 0) : Date.parse(current.submitted_at),
    ...(job !== undefined && { job }),
    seedDrawn,
    ...(current !== undefined && { status: current }),
    cancelRequested: marked && !isTerminal(state),
  };
}

/** @throws SyntaxError, ZodError: a status record that cannot be read is a fault of the bucket, not of the caller */
export function parseStatus(body: Uint8Array): JobStatus {
  return JobStatusSchema.parse(JSON.parse(Buffer.from(body).toString('utf8')));
}

/** The job that an object's bytes stand for, one that names `from` as the job it becomes. */
export async function parseStored(store: ObjectStore, id: string, body: Uint8Array): Promise<ReadJob> {
  let seedDrawn = false;
  let from: unknown;
  const random = () => {
    seedDrawn = true;
    return 0;
  };
  try {
    const written = parseJobBody(body);
    from = isObject(written) ? written.from : undefined;
    const job = parseJob(await resolveFrom(store, written), { id, random });
    const tags = typeof from === 'string' ? { ...job.tags, [FROM_TAG]: from } : job.tags;
    return { job: { ...job, tags }, seedDrawn };
  } catch (error) {
    if (!(error instanceof RejectedError)) throw error;
    // The worker rejects it and says why in its status.
    return { seedDrawn: false, unsettled: from !== undefined };
  }
}

/** The seed a record's asset is made from, as far as it is known. */
export function seedOf(record: JobRecord): number | undefined {
  if (record.status?.seed !== undefined) return record.status.seed;
  return record.seedDrawn ? undefined : record.job?.input.seed;
}
