/** A job that came in a message is written into the bucket first: from there on it is a job like any other. */
import { canonicalJson, isJobId, RejectedError as Rejected, type RejectedError, sha256 } from '@espalier/contracts';
import { jobKey, type ObjectStore } from '@espalier/storage';

export interface InlineJob {
  readonly key: string;
  /** As it was just written; absent where it was there before. */
  readonly written?: { readonly etag: string; readonly body: Uint8Array };
}

/**
 * Writes the job, once: the same message gives the same object, however often and wherever it is received.
 *
 * @throws RejectedError ID_TAKEN when its id stands for another job
 */
export async function storeInlineJob(store: ObjectStore, job: Readonly<Record<string, unknown>>): Promise<InlineJob> {
  const text = canonicalJson(job);
  // An id that cannot be one is for the job's own check to refuse.
  const id = typeof job.id === 'string' && isJobId(job.id) ? job.id : `message-${sha256(text).slice(0, 24)}`;
  const key = jobKey(id);
  const body = new TextEncoder().encode(text);
  const put = await store.put(key, body, { ifNoneMatch: '*', contentType: 'application/json' });
  if (put.written) return { key, written: { etag: put.etag, body } };
  const there = await store.get(key);
  if (there === undefined || sameJson(there.body, text)) return { key };
  throw idTaken(id);
}

function idTaken(id: string): RejectedError {
  return new Rejected(`the id '${id}' stands for another job`, {
    code: 'ID_TAKEN',
    field: 'id',
    remedy: 'give the job another id, or none',
  });
}

function sameJson(body: Uint8Array, text: string): boolean {
  try {
    return canonicalJson(JSON.parse(new TextDecoder().decode(body))) === text;
  } catch {
    return false;
  }
}
