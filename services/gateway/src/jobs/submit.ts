/** Submitting is one conditional write of `jobs/<id>.json`: it happens once, whoever repeats it. */
import { canonicalJson, isObject, type Job, type Logger, type RandomInteger, sha256 } from '@espalier/contracts';
import { jobKey, type ObjectStore, resolveFrom } from '@espalier/storage';
import { HttpError } from '../http/http-error.ts';
import { FROM_TAG, parseStored } from './job-records.ts';
import { parseRunRequest } from './run-request.ts';

export interface SubmitDependencies {
  readonly store: ObjectStore;
  readonly random: RandomInteger;
  readonly announce: (id: string) => Promise<void>;
  readonly logger: Logger;
}

export interface Submission {
  /** The request's JSON. */
  readonly body: unknown;
  /** `Idempotency-Key`: the same key of the same caller gives the same job. */
  readonly idempotencyKey?: string | undefined;
  readonly principal: string;
}

export interface Submitted {
  readonly id: string;
  /** False: the job was there already. */
  readonly created: boolean;
}

/**
 * @throws RejectedError when the job cannot run; nothing was written
 * @throws HttpError 409 IDEMPOTENCY_MISMATCH, ID_TAKEN when the name stands for another job
 */
export async function submit(dependencies: SubmitDependencies, submission: Submission): Promise<Submitted> {
  const { random, store } = dependencies;
  const keyed =
    submission.idempotencyKey === undefined ? undefined : idFor(submission.principal, submission.idempotencyKey);
  const body = await settleFrom(store, submission.body);
  for (;;) {
    const request = parseRunRequest(body, { random, ...(keyed !== undefined && { id: keyed }) });
    const { job } = request;
    const written = await write(dependencies, job);
    if (written) return { id: job.id, created: true };
    if (!request.named && keyed === undefined) continue; // a drawn name that was taken: draw again
    const stored = await store.get(jobKey(job.id));
    if (stored === undefined) continue; // deleted in between
    const { job: before } = await parseStored(store, job.id, stored.body);
    if (before !== undefined && sameJob(before, job, request.seedDrawn)) {
      // Saying it again is cheap, and mends a submission whose announcement was lost.
      await tell(dependencies, job.id);
      return { id: job.id, created: false };
    }
    throw request.named
      ? new HttpError(409, `the id '${job.id}' stands for another job`, {
          code: 'ID_TAKEN',
          field: 'id',
          remedy: 'choose another id, or leave it out',
        })
      : new HttpError(409, 'this Idempotency-Key was used for another job', {
          code: 'IDEMPOTENCY_MISMATCH',
          field: 'Idempotency-Key',
          remedy: 'use a new key for a new job',
        });
  }
}

/**
 * The request of a plain job for one that names `from`: what it stands for is decided now, whatever becomes of the
 * other job, and who it was stays on it as a tag.
 */
async function settleFrom(store: ObjectStore, body: unknown): Promise<unknown> {
  if (!isObject(body) || body.from === undefined) return body;
  const { from } = body;
  const settled = await resolveFrom(store, body);
  if (!isObject(settled)) return settled;
  // Wrong tags are for the job's own check to refuse.
  const tags = settled.tags === undefined ? {} : settled.tags;
  return { ...settled, tags: isObject(tags) ? { ...tags, [FROM_TAG]: from } : tags };
}

/** Writes a job that must be new, and announces it. */
export async function write(dependencies: SubmitDependencies, job: Job): Promise<boolean> {
  const { written } = await dependencies.store.put(jobKey(job.id), encodeJob(job), {
    ifNoneMatch: '*',
    contentType: 'application/json',
  });
  if (written) await tell(dependencies, job.id);
  return written;
}

/** The job object's bytes: everything decided, the seed too, so that it means the same to every worker. */
export function encodeJob(job: Job): Uint8Array {
  const { id: _name, ...content } = job;
  return Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
}

/** A job that is written is safe: the sweep finds it when the announcement fails. */
export async function tell(dependencies: SubmitDependencies, id: string): Promise<void> {
  try {
    await dependencies.announce(id);
  } catch (error) {
    dependencies.logger.warn({ job: id, err: error }, 'could not announce the job: the sweep will find it');
  }
}

function idFor(principal: string, key: string): string {
  return `key-${sha256(canonicalJson([principal, key])).slice(0, 32)}`;
}

function sameJob(before: Job, now: Job, seedDrawn: boolean): boolean {
  const comparable = (job: Job) => canonicalJson({ ...job, input: seedDrawn ? { ...job.input, seed: 0 } : job.input });
  return comparable(before) === comparable(now);
}
