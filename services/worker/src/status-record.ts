/** How a status record moves: pure functions from one record to the next. */
import {
  type Failure,
  type JobState,
  type JobStatus,
  STATUS_EVENTS_MAX,
  type StageName,
  type StatusEvent,
} from '@espalier/contracts';

/** A job fails when its worker died this often without getting any further. */
export const CRASHES_MAX = 3;
/** A job fails when passing faults (a full disk, a killed child) sent it back this often. */
export const RETRIES_MAX = 5;

export interface Submission {
  readonly id: string;
  /** Key of the job object. */
  readonly source: string;
  readonly etag: string;
  /** Milliseconds since the epoch. */
  readonly submittedAt: number;
}

export interface Moment {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly worker: string;
}

export function queuedRecord(submission: Submission, now: number, note?: string): JobStatus {
  const { id, source, etag, submittedAt } = submission;
  const base: JobStatus = {
    id,
    state: 'queued',
    source,
    job_etag: etag,
    attempt: 0,
    crashes: 0,
    submitted_at: iso(submittedAt),
    updated_at: iso(now),
    events: [],
  };
  return withEvent(base, now, note);
}

/** The record of a job that `worker` works on from now on. */
export function claimedRecord(
  from: JobStatus,
  { now, worker }: Moment,
  claim: { readonly leaseMs: number; readonly seed: number; readonly crashed: boolean },
): JobStatus {
  const { retry_at: _retry, error: _error, finished_at: _finished, results: _results, ...kept } = from;
  const next: JobStatus = {
    ...kept,
    state: 'running',
    seed: claim.seed,
    attempt: from.attempt + 1,
    crashes: claim.crashed ? from.crashes + 1 : from.crashes,
    worker,
    lease_until: iso(now + claim.leaseMs),
    updated_at: iso(now),
  };
  return withEvent(next, now, claim.crashed ? 'its worker died: taken over' : undefined);
}

export function renewedRecord(from: JobStatus, now: number, leaseMs: number, progress: Progress): JobStatus {
  const { stage: _stage, step: _step, steps: _steps, ...kept } = from;
  const moved = progress.stage !== from.stage;
  // Whoever got further than before its last death is no poison.
  const further = moved || (progress.step ?? 0) > (from.step ?? 0);
  const next: JobStatus = {
    ...kept,
    ...progress,
    crashes: further ? 0 : from.crashes,
    lease_until: iso(now + leaseMs),
    updated_at: iso(now),
  };
  return moved ? withEvent(next, now) : next;
}

export interface Progress {
  readonly stage?: StageName;
  readonly step?: number;
  readonly steps?: number;
}

/** Back to the queue, for any worker. */
export function returnedRecord(
  from: JobStatus,
  now: number,
  back: { readonly note: string; readonly retryAt?: number; readonly error?: Failure },
): JobStatus {
  const next: JobStatus = {
    ...unclaimed(from),
    state: 'queued',
    ...(back.retryAt !== undefined && { retry_at: iso(back.retryAt) }),
    ...(back.error !== undefined && { error: back.error }),
    updated_at: iso(now),
  };
  return withEvent(next, now, back.note);
}

export function finishedRecord(
  from: JobStatus,
  now: number,
  end: {
    readonly state: Extract<JobState, 'succeeded' | 'failed' | 'cancelled' | 'rejected'>;
    readonly error?: Failure;
    readonly results?: Record<string, string>;
  },
): JobStatus {
  const { error: _error, ...kept } = unclaimed(from);
  const next: JobStatus = { ...kept, ...end, updated_at: iso(now), finished_at: iso(now) };
  return withEvent(next, now, end.error?.message);
}

export function leaseEnd(status: JobStatus): number {
  return status.lease_until === undefined ? 0 : Date.parse(status.lease_until);
}

export function retryTime(status: JobStatus): number {
  return status.retry_at === undefined ? 0 : Date.parse(status.retry_at);
}

/** Times a passing fault sent the job back, since it last got a fresh start. */
export function retriesOf(status: JobStatus): number {
  return status.events.filter(({ note }) => note?.startsWith(RETRY_NOTE)).length;
}

export const RETRY_NOTE = 'tried again later: ';

function unclaimed(status: JobStatus): JobStatus {
  const { worker: _worker, lease_until: _lease, retry_at: _retry, ...kept } = status;
  return kept;
}

function withEvent(status: JobStatus, now: number, note?: string): JobStatus {
  const event: StatusEvent = {
    at: iso(now),
    state: status.state,
    ...(status.stage !== undefined && { stage: status.stage }),
    attempt: status.attempt,
    ...(status.worker !== undefined && { worker: status.worker }),
    ...(note !== undefined && { note }),
  };
  return { ...status, events: [...status.events, event].slice(-STATUS_EVENTS_MAX) };
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
