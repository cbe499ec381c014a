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
  const { key } = object;
  const named = (id: string, etag: string): Submission => ({ id, source: key, etag, submittedAt });
  const fallback = jobIdFromName(nameOf(key));
  let { etag = '', modifiedAt: submittedAt = 0 } = object;
  try {
    // An announcement may not say how big the object is, and may say wrong what it is now.
    if (object.size !== undefined) refuseOversized(object.size);
    const stored = await store.get(key);
    if (stored === undefined) return undefined;
    etag = stored.etag;
    submittedAt = object.modifiedAt ?? stored.modifiedAt;
    const body = await resolveFrom(store, parseJobBody(stored.body));
    let drawn = false;
    const job = parseJob(body, {
      id: fallback,
      random: (bound) => {
        drawn = true;
        return random(bound);
      },
    });
    return { submission: named(job.id, etag), job, seedGiven: !drawn };
  } catch (error) {
    if (error instanceof RejectedError) return { submission: named(fallback, etag), refusal: error };
    throw error;
  }
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
