/** Whether a job is this worker's to do, decided by compare-and-swap on its status record. */
import {
  type Clock,
  type Failure,
  failureOf,
  isTerminal,
  type Job,
  type JobStatus,
  ownerLife,
  type Rejection,
  TerminalError,
} from '@espalier/contracts';
import {
  cancelKey,
  type ObjectStore,
  readStatus,
  rejectedKey,
  resultKey,
  type SeenStatus,
  writeStatus,
} from '@espalier/storage';
import { Claim } from './claim.ts';
import type { Submission } from './status-record.ts';
import {
  CRASHES_MAX,
  claimedRecord,
  type Death,
  deathIn,
  EARLY_DEATHS_MAX,
  earlyDeathsOf,
  finishedRecord,
  leaseEnd,
  queuedRecord,
  retryTime,
} from './status-record.ts';
import { mayBeUnfinished, type Reading, takenId } from './submissions.ts';

export interface ClaimContext {
  readonly store: ObjectStore;
  readonly clock: Clock;
  /** Owner tag of this worker. */
  readonly worker: string;
  readonly leaseMs: number;
  /** Milliseconds a job object must have rested before a cut body counts as its last word. */
  readonly settleMs: number;
  /** The job is most likely new: a record is created before one is looked for. @defaultValue false */
  readonly expectNew?: boolean;
  /**
   * Milliseconds since its submission in which a job is claimed without a look at its cancel marker: one that came
   * since is seen by the first look after that time. @defaultValue 0
   */
  readonly youngMs?: number;
}

export interface Claimed {
  readonly kind: 'claimed';
  readonly claim: Claim;
  readonly job: Job;
  /** The seed was drawn for this very claim: nothing can be there that depends on it. */
  readonly seedDrawn: boolean;
}

export type ClaimResult =
  | Claimed
  /** At its end, now or before. `status` is how it ended. */
  | { readonly kind: 'ended'; readonly status: JobStatus; readonly justNow: boolean }
  /**
   * Another worker has it, or it waits: worth another look then (milliseconds since the epoch). `sameVersion`: what
   * the holder works on is this very version of the job object.
   */
  | { readonly kind: 'later'; readonly at: number; readonly holder?: string; readonly sameVersion?: boolean };

/** @throws TerminalError STATUS_UNREADABLE; RetryableError STORE_* */
export async function attemptClaim(context: ClaimContext, reading: Reading): Promise<ClaimResult> {
  if (context.expectNew === true && 'job' in reading) {
    const created = await claimNew(context, reading);
    if (created !== undefined) return created;
  }
  const { submission } = reading;
  const now = context.clock.now();
  const seen = await readStatus(context.store, submission.id);
  if (seen !== undefined && seen.status.source !== submission.source) {
    return attemptClaim(context, takenId(reading, seen.status.source));
  }
  const anew = seen === undefined || isNewSubmission(submission, seen);
  if (seen !== undefined && !anew && isTerminal(seen.status.state)) {
    return { kind: 'ended', status: seen.status, justNow: false };
  }
  const holder = seen?.status.state === 'running' ? seen.status.worker : undefined;
  const dead = holder !== undefined && ownerLife(holder) === 'dead';
  if (seen !== undefined && holder !== undefined && !dead && leaseEnd(seen.status) > now) {
    return { kind: 'later', at: leaseEnd(seen.status), holder, sameVersion: !anew };
  }
  if (seen !== undefined && !anew && retryTime(seen.status) > now) return { kind: 'later', at: retryTime(seen.status) };

  if ('refusal' in reading) return refuse(context, reading.refusal, reading, anew ? undefined : seen, seen);

  const from = anew ? queuedRecord(submission, now, seen === undefined ? undefined : 'submitted again') : seen.status;
  const died = anew || holder === undefined ? undefined : deathIn(from);
  const error = died === undefined ? undefined : diedTooOften(from, died);
  if (error !== undefined) {
    return end(context, finishedRecord(from, now, { state: 'failed', error }), seen);
  }
  if (await isCancelledBefore(context, submission, now)) {
    const ended = await end(context, finishedRecord(from, now, { state: 'cancelled' }), seen);
    if (ended.kind === 'ended') await context.store.delete(cancelKey(submission.id));
    return ended;
  }
  const { job } = reading;
  const deadline = deadlineOf(job, from);
  if (deadline !== undefined && deadline <= now) {
    return end(context, finishedRecord(from, now, { state: 'failed', error: failureOf(deadlineError(job)) }), seen);
  }
  // A second attempt makes the same asset: the seed that was drawn first stays.
  const kept = anew || reading.seedGiven ? undefined : from.seed;
  const seed = kept ?? job.input.seed;
  const { worker, leaseMs } = context;
  const running = claimedRecord(from, { now, worker }, { leaseMs, seed, died });
  const written = await writeStatus(context.store, running, seen);
  if (written === undefined) return { kind: 'later', at: now };
  if (anew && seen !== undefined) await clearOldResults(context.store, submission.id);
  const seeded: Job = { ...job, input: { ...job.input, seed } };
  const seedDrawn = !reading.seedGiven && kept === undefined;
  return { kind: 'claimed', claim: new Claim(context.store, written), job: seeded, seedDrawn };
}

/** Claims a job that has no record yet, in one request; nothing when it has one, or is not to be worked on. */
async function claimNew(
  context: ClaimContext,
  { submission, job, seedGiven }: Extract<Reading, { job: Job }>,
): Promise<ClaimResult | undefined> {
  const { store, clock, worker, leaseMs } = context;
  const now = clock.now();
  const queued = queuedRecord(submission, now);
  const deadline = deadlineOf(job, queued);
  if ((deadline !== undefined && deadline <= now) || (await isCancelledBefore(context, submission, now)))
    return undefined;
  const record = claimedRecord(queued, { now, worker }, { leaseMs, seed: job.input.seed });
  const written = await writeStatus(store, record, undefined);
  return written && { kind: 'claimed', claim: new Claim(store, written), job, seedDrawn: !seedGiven };
}

/** @param died how its worker did last */
function diedTooOften(from: JobStatus, died: Death): Failure | undefined {
  const times = died === 'at work' ? from.crashes + 1 : earlyDeathsOf(from) + 1;
  if (times < (died === 'at work' ? CRASHES_MAX : EARLY_DEATHS_MAX)) return undefined;
  const where =
    died === 'at work' ? `in ${from.stage ?? 'the first stage'} without getting further` : 'before any work';
  return {
    code: 'WORKER_CRASHED',
    message: `its worker died ${times} times ${where}`,
    remedy: 'look for what killed it (memory?); submit the job again to retry from its last checkpoint',
  };
}

/**
 * Another content, or the same one put there again after the end: that is how a job is asked for once more. Its time
 * must differ from the one on record, too: a file dated in the future would else be new for ever.
 */
export function isNewSubmission(submission: Submission, { status, modifiedAt }: SeenStatus): boolean {
  if (status.job_etag !== submission.etag) return true;
  const again = Math.trunc(submission.submittedAt) !== Date.parse(status.submitted_at);
  return isTerminal(status.state) && again && submission.submittedAt > modifiedAt;
}

/** A marker that is older than the job object was meant for an earlier submission. */
export async function isCancelled(
  store: ObjectStore,
  submission: Pick<Submission, 'id' | 'submittedAt'>,
): Promise<boolean> {
  const marker = await store.head(cancelKey(submission.id));
  return marker !== undefined && marker.modifiedAt >= submission.submittedAt;
}

/** Whether the job was cancelled while it waited, as far as a claim at the time `now` looks. */
async function isCancelledBefore(
  context: ClaimContext,
  submission: Pick<Submission, 'id' | 'submittedAt'>,
  now: number,
): Promise<boolean> {
  return !isYoung(context, submission.submittedAt, now) && (await isCancelled(context.store, submission));
}

/**
 * Times in milliseconds since the epoch. A submission that lies ahead was dated by another clock, and says nothing.
 *
 * @param now time of the claim, as its record has it
 */
export function isYoung({ youngMs = 0 }: ClaimContext, submittedAt: number, now: number): boolean {
  const age = Math.trunc(now) - Math.trunc(submittedAt);
  return age >= 0 && age < youngMs;
}

/** Milliseconds since the epoch. */
export function deadlineOf(job: Job, status: JobStatus): number | undefined {
  return job.deadline_seconds === undefined ? undefined : Date.parse(status.submitted_at) + job.deadline_seconds * 1000;
}

export function deadlineError(job: Job): TerminalError {
  return new TerminalError(`not finished within its deadline of ${job.deadline_seconds} s`, {
    code: 'DEADLINE_EXCEEDED',
    field: 'deadline_seconds',
    remedy: 'submit it again with a longer deadline: its checkpoints are kept',
  });
}

/** Writes `rejected/<id>.json`, then the status. The job object stays as it is. */
export async function writeRejection(
  store: ObjectStore,
  id: string,
  source: string,
  now: number,
  error: Failure,
): Promise<void> {
  const rejection: Rejection = { id, rejected_at: new Date(now).toISOString(), source, error };
  const body = new TextEncoder().encode(`${JSON.stringify(rejection, null, 2)}\n`);
  await store.put(rejectedKey(id), body, { contentType: 'application/json' });
}

async function refuse(
  context: ClaimContext,
  refusal: TerminalError,
  { submission }: Reading,
  current: SeenStatus | undefined,
  seen: SeenStatus | undefined,
): Promise<ClaimResult> {
  const now = context.clock.now();
  const age = now - submission.submittedAt;
  // `cp` writes in place: a body cut short a moment ago may be whole in the next.
  if (mayBeUnfinished(refusal) && age >= 0 && age < context.settleMs) {
    return { kind: 'later', at: submission.submittedAt + context.settleMs };
  }
  const error = failureOf(refusal);
  await writeRejection(context.store, submission.id, submission.source, now, error);
  const from = current?.status ?? queuedRecord(submission, now);
  return end(context, finishedRecord(from, now, { state: 'rejected', error }), seen);
}

async function end(context: ClaimContext, status: JobStatus, seen: SeenStatus | undefined): Promise<ClaimResult> {
  const written = await writeStatus(context.store, status, seen);
  return written === undefined ? { kind: 'later', at: context.clock.now() } : { kind: 'ended', status, justNow: true };
}

/** The presence of `stats.json` means that the job is done: that of an earlier submission must go. */
async function clearOldResults(store: ObjectStore, id: string): Promise<void> {
  await store.delete(resultKey(id, 'stats.json'));
  await store.delete(rejectedKey(id));
}
