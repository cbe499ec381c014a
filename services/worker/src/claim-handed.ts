/**
 * Claims a job from the hand of the other lane, by what its message says: the record's ETag tells whether that still
 * holds, so nothing is read again but the cancel marker.
 */
import { type Job, parseJob, type RandomInteger } from '@espalier/contracts';
import type { HandedJob } from '@espalier/queue';
import { writeStatus } from '@espalier/storage';
import { type ClaimContext, type Claimed, deadlineOf, isCancelled } from './attempt-claim.ts';
import { Claim } from './claim.ts';
import { claimedRecord, handedTo } from './status-record.ts';
import type { Reading } from './submissions.ts';

/**
 * @param key of the job object that the message speaks of
 * @param random for `parseJob`; a job that was handed over has its seed
 * @returns nothing where the message does not fit, the job has moved since, or is not to be worked on: look at the bucket
 * @throws RetryableError STORE_*
 */
export async function claimHanded(
  context: ClaimContext,
  key: string,
  handed: HandedJob,
  random: RandomInteger,
): Promise<{ readonly reading: Reading; readonly result: Claimed } | undefined> {
  const { store, clock, worker, leaseMs } = context;
  const { status, etag } = handed;
  const { id, seed } = status;
  const job = jobOf(handed, random);
  if (job === undefined || job.id !== id || job.input.seed !== seed) return undefined;
  if (status.source !== key || handedTo(status) === undefined) return undefined;
  const now = clock.now();
  const deadline = deadlineOf(job, status);
  const submission = { id, source: key, etag: status.job_etag, submittedAt: Date.parse(status.submitted_at) };
  if ((deadline !== undefined && deadline <= now) || (await isCancelled(store, submission))) return undefined;
  const written = await writeStatus(store, claimedRecord(status, { now, worker }, { leaseMs, seed }), { etag });
  if (written === undefined) return undefined;
  const reading: Reading = { submission, job, seedGiven: true };
  return { reading, result: { kind: 'claimed', claim: new Claim(store, written), job, seedDrawn: false } };
}

function jobOf({ job, status }: HandedJob, random: RandomInteger): Job | undefined {
  try {
    return parseJob(job, { id: status.id, random });
  } catch {
    return undefined;
  }
}
