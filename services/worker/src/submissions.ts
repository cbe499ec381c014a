/** Job objects in the bucket: found, read within bounds, checked. */
import {
  type EspalierError,
  type Job,
  jobIdFromName,
  parseJob,
  parseJobBody,
  type RandomInteger,
  RejectedError,
  refuseOversized,
  sha256,
} from '@espalier/contracts';
import { JOBS_PREFIX, type ObjectInfo, type ObjectStore, resolveFrom } from '@espalier/storage';
import type { Submission } from './status-record.ts';

/** A job object as it was read: a job, or the reason why it is none. */
export type Reading = { readonly submission: Submission } & (
  | { readonly job: Job; readonly seedGiven: boolean }
  | { readonly refusal: RejectedError }
);

/** Names that editors, file managers and copying programs use for what is not yet, or never, a job. */
const NO_JOB = /(^|\/)\.|~$|\.(tmp|part|partial|swp|crdownload)$/i;

/** Every job object of the bucket, by name. */
export async function listSubmissions(store: ObjectStore): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = await store.list(JOBS_PREFIX, { after });
    found.push(...page.objects.filter(({ key }) => /\.json$/i.test(key) && !NO_JOB.test(nameOf(key))));
    after = page.next;
  }
  return found;
}

/**
 * Reads and checks a job object. Gives nothing when it is gone.
 *
 * @param random draws the seed of a job that names none
 */
export async function readSubmission(
  store: ObjectStore,
  object: Pick<ObjectInfo, 'key'> & Partial<ObjectInfo>,
  random: RandomInteger,
): Promise<Reading | undefined> {
  const { key, etag = '', modifiedAt } = object;
  try {
    // An announcement may not say how big the object is, and may say wrong what it is now.
    if (object.size !== undefined) refuseOversized(object.size);
  } catch (error) {
    if (error instanceof RejectedError) return refused({ key, etag, submittedAt: modifiedAt ?? 0 }, error);
    throw error;
  }
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  return readBody(store, { key, etag: stored.etag, submittedAt: modifiedAt ?? stored.modifiedAt }, stored.body, random);
}

/** A job object of which all is known. */
export interface JobObject {
  readonly key: string;
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly submittedAt: number;
}

/** Checks the body of a job object. @throws RetryableError STORE_*: it may speak of another job, which is read */
export async function readBody(
  store: ObjectStore,
  object: JobObject,
  body: Uint8Array,
  random: RandomInteger,
): Promise<Reading> {
  try {
    let drawn = false;
    const job = parseJob(await resolveFrom(store, parseJobBody(body)), {
      id: jobIdFromName(nameOf(object.key)),
      random: (bound) => {
        drawn = true;
        return random(bound);
      },
    });
    return { submission: submissionOf(object, job.id), job, seedGiven: !drawn };
  } catch (error) {
    if (error instanceof RejectedError) return refused(object, error);
    throw error;
  }
}

function refused(object: JobObject, refusal: RejectedError): Reading {
  return { submission: submissionOf(object, jobIdFromName(nameOf(object.key))), refusal };
}

function submissionOf({ key, etag, submittedAt }: JobObject, id: string): Submission {
  return { id, source: key, etag, submittedAt };
}

/** The same object under an id of its own: its id is another object's. */
export function takenId(reading: Reading, owner: string): Reading {
  const { submission } = reading;
  const { id, source } = submission;
  const refusal = new RejectedError(`the id '${id}' belongs to ${owner}`, {
    code: 'ID_TAKEN',
    field: 'id',
    remedy: 'give the job another id, or none',
  });
  return { submission: { ...submission, id: `${id.slice(0, 100)}-${sha256(source).slice(0, 12)}` }, refusal };
}

function nameOf(key: string): string {
  return key.slice(JOBS_PREFIX.length);
}

/** Faults that a file still being written shows, too. */
export function mayBeUnfinished(refusal: EspalierError): boolean {
  return ['BODY_EMPTY', 'BODY_NOT_JSON', 'BODY_NOT_UTF8'].includes(refusal.code);
}
