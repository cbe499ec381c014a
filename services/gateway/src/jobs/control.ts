/** What a caller can still change about a job: end it, try it again, finish it differently. */
import {
  canonicalJson,
  DEFAULT_OUTPUTS,
  isTerminal,
  type Job,
  jobIdFromContent,
  OUTPUTS,
  RETRIES_TAG,
} from '@espalier/contracts';
import { cancelKey, jobKey, type ObjectStore } from '@espalier/storage';
import { HttpError } from '../http/http-error.ts';
import type { RefinishChange } from '../schemas/jobs.ts';
import { FROM_TAG, type JobRecord, type JobRecords, seedOf } from './job-records.ts';
import { encodeJob, type SubmitDependencies, type Submitted, tell, write } from './submit.ts';

/** Asks for the end of a job. A job that has ended stays as it is. */
export async function cancel(store: ObjectStore, record: JobRecord): Promise<void> {
  if (isTerminal(record.state)) return;
  await store.put(cancelKey(record.id), Buffer.from('{}\n'), { contentType: 'application/json' });
}

/**
 * Submits a failed job anew under its own id; its checkpoints stay, so it goes on where it stopped.
 *
 * @throws HttpError 409 NOT_RETRYABLE unless the job failed
 */
export async function retry(dependencies: SubmitDependencies, record: JobRecord): Promise<void> {
  const { id, job, state } = record;
  if (state !== 'failed' || job === undefined) {
    throw new HttpError(409, `only a failed job can be tried again; this one is ${state}`, {
      code: 'NOT_RETRYABLE',
      remedy: state === 'cancelled' ? 'submit it again: what was computed is kept' : 'wait for it, or submit a new job',
    });
  }
  const key = record.status?.source ?? jobKey(id);
  const stored = await dependencies.store.get(key);
  if (stored === undefined || stored.etag !== record.status?.job_etag) return; // somebody else submitted it anew
  // Counting also makes the job object another one, which is what submits it anew.
  const retries = Number(job.tags[RETRIES_TAG] ?? 0) + 1;
  const seed = seedOf(record) ?? job.input.seed;
  const again: Job = { ...job, input: { ...job.input, seed }, tags: { ...job.tags, [RETRIES_TAG]: String(retries) } };
  // A request to cancel that came too late must not end the new attempt.
  await dependencies.store.delete(cancelKey(id));
  const { written } = await dependencies.store.put(key, encodeJob(again), {
    ifMatch: stored.etag,
    contentType: 'application/json',
  });
  if (written) await tell(dependencies, id);
}

/**
 * The same asset with another finish. Prompt, seed and sampler stay, so every stage up to the mesh is found among
 * the checkpoints and only CPU seconds are spent. The same change of the same job gives the same new job.
 *
 * @throws HttpError 409 NOT_REFINISHABLE while there is nothing to finish, NOTHING_CHANGED
 */
export async function refinish(
  dependencies: SubmitDependencies,
  records: JobRecords,
  record: JobRecord,
  change: RefinishChange,
): Promise<Submitted> {
  const { id, job, state } = record;
  const seed = seedOf(record);
  if (job === undefined || seed === undefined || state === 'queued' || state === 'rejected') {
    throw new HttpError(409, `this job has nothing to finish anew: it is ${state}`, {
      code: 'NOT_REFINISHABLE',
      remedy: 'wait until it runs, or submit a new job',
    });
  }
  const finished = changed(job, seed, change);
  if (canonicalJson(finished) === canonicalJson(changed(job, seed, {}))) {
    throw new HttpError(409, 'nothing would change', {
      code: 'NOTHING_CHANGED',
      remedy: "give another 'texture_size', 'simplify', 'target_faces', 'bake_from' or 'outputs'",
    });
  }
  const { [RETRIES_TAG]: _retries, ...tags } = job.tags;
  for (let turn = 0; ; turn += 1) {
    const again: Job = {
      ...finished,
      id: jobIdFromContent(job.input.prompt, [id, finished.input, extrasOf(change), turn]),
      tags: { ...tags, [FROM_TAG]: id },
    };
    if (await write(dependencies, again)) return { id: again.id, created: true };
    // One that did not get to its end is no answer: ask for it under the next name.
    const before = await records.read(again.id);
    const useful = before?.state === 'queued' || before?.state === 'running' || before?.state === 'succeeded';
    if (useful && !before.cancelRequested) return { id: again.id, created: false };
  }
}

/** The job with another finish, of the asset that it was or will be. */
function changed(job: Job, seed: number, change: RefinishChange): Job {
  const { simplify = job.input.simplify, texture_size = job.input.texture_size, outputs } = change;
  const { target_faces, bake_from } = change;
  // A share that is asked for now counts, whatever count was asked for before.
  const { target_faces: before, ...rest } = job;
  const faces = target_faces ?? (change.simplify === undefined ? before : undefined);
  return {
    ...rest,
    input: { ...job.input, seed, simplify, texture_size },
    ...(faces !== undefined && { target_faces: faces }),
    ...(bake_from !== undefined && { bake_from }),
    ...(outputs !== undefined && {
      outputs: OUTPUTS.filter((name) => outputs.includes(name) || DEFAULT_OUTPUTS.includes(name)),
    }),
  };
}

/** What a change says beyond the input; nothing where it says no more, so that such jobs keep their names. */
function extrasOf({ simplify: _simplify, texture_size: _size, ...extras }: RefinishChange): RefinishChange | undefined {
  return Object.keys(extras).length === 0 ? undefined : extras;
}

/** Cancels everything that waits. @returns how many jobs that were */
export async function purge(store: ObjectStore, records: JobRecords, ids: readonly string[]): Promise<number> {
  let removed = 0;
  for (const id of ids) {
    const record = await records.read(id);
    if (record?.state !== 'queued') continue;
    await cancel(store, record);
    removed += 1;
  }
  return removed;
}
