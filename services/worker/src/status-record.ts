/** How a status record moves: pure functions from one record to the next. */
import {
  type Failure,
  type JobState,
  type JobStatus,
  STAGES,
  STATUS_EVENTS_MAX,
  type StageName,
  type StatusEvent,
  WORK_LANES,
  type WorkLane,
} from '@espalier/contracts';

/** A job fails when its worker died this often at work on it, without getting any further. */
export const CRASHES_MAX = 3;
/**
 * And when workers died this often in a row before they had told anything of it. That happens to any job on machines
 * that are taken away, hence the patience.
 */
export const EARLY_DEATHS_MAX = 10;
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
  claim: { readonly leaseMs: number; readonly seed: number; readonly died?: Death | undefined },
): JobStatus {
  const { retry_at: _retry, error: _error, finished_at: _finished, results: _results, ...kept } = from;
  const next: JobStatus = {
    ...kept,
    state: 'running',
    seed: claim.seed,
    attempt: from.attempt + 1,
    crashes: claim.died === 'at work' ? from.crashes + 1 : from.crashes,
    worker,
    lease_until: iso(now + claim.leaseMs),
    updated_at: iso(now),
  };
  return withEvent(next, now, claim.died === undefined ? undefined : DEATH_NOTES[claim.died]);
}

/** How far the worker was whose claim is taken over: only who was at work can have been killed by it. */
export type Death = 'at work' | 'early';

const DEATH_NOTES: Readonly<Record<Death, string>> = {
  'at work': 'its worker died: taken over',
  early: 'its worker died before it told anything: taken over',
};

/** @param status of a claim that nobody renews any more */
export function deathIn(status: JobStatus): Death {
  return toldNothing(status) ? 'early' : 'at work';
}

/** Deaths in a row of workers that had not told anything, up to the claim of now. */
export function earlyDeathsOf({ events }: JobStatus): number {
  return events.length - 1 - events.findLastIndex(({ note }) => note !== DEATH_NOTES.early);
}

/**
 * While a death is held against the job, the record keeps showing the furthest place that was reached: a worker that
 * goes on from a save before it has to get past it first.
 */
export function renewedRecord(from: JobStatus, now: number, leaseMs: number, progress: Progress): JobStatus {
  const { stage: _stage, step: _step, steps: _steps, ...kept } = from;
  const { computed: _computed, ...reached } = progress;
  // Whoever got further than before its last death is no poison.
  const further = isFurther(reached, from);
  const held = from.crashes > 0 && !further;
  const next: JobStatus = {
    ...(held ? from : { ...kept, ...reached }),
    crashes: further ? 0 : from.crashes,
    lease_until: iso(now + leaseMs),
    updated_at: iso(now),
  };
  return next.stage !== from.stage || toldNothing(from) ? withEvent(next, now) : next;
}

function isFurther(reached: Progress, { stage, step = 0 }: JobStatus): boolean {
  if (reached.stage === undefined) return false;
  const ahead = STAGES.indexOf(reached.stage) - (stage === undefined ? -1 : STAGES.indexOf(stage));
  return ahead > 0 || (ahead === 0 && (reached.step ?? 0) > step);
}

/** Whether the claim is all that this attempt has written so far. */
function toldNothing({ attempt, events }: JobStatus): boolean {
  return events.filter((event) => event.attempt === attempt && event.state === 'running').length <= 1;
}

export interface Progress {
  readonly stage?: StageName;
  readonly step?: number;
  readonly steps?: number;
  /** Cost of the stages that were computed in this attempt. */
  readonly computed?: NonNullable<JobStatus['stages']>;
}

/** The record with what the stages cost that were computed since. */
export function withCosts(from: JobStatus, { computed }: Progress): JobStatus {
  return computed === undefined ? from : { ...from, stages: { ...from.stages, ...computed } };
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

export const handOverNote = (lane: WorkLane): string => `handed to the ${lane} lane`;

/** The lane that the job waits for, when the other one has done its part and nobody has taken it up since. */
export function handedTo(status: JobStatus): WorkLane | undefined {
  const note = status.state === 'queued' ? status.events.at(-1)?.note : undefined;
  return WORK_LANES.find((lane) => note === handOverNote(lane));
}

/** Whether the claim took the job from the hand of the other lane. @param status of a claim, as it was written */
export function wasHandedOver({ events }: JobStatus): boolean {
  return WORK_LANES.some((lane) => events.at(-2)?.note === handOverNote(lane));
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

/**
 * Whether it was generated, and came back from the finish lane all the same: the machines there hold another revision of
 * the model, by whose addresses there is nothing to finish. Handed over once more it would come back again.
 */
export function cameBack({ events }: JobStatus): boolean {
  const notes = events.map(({ note }) => note);
  return (
    notes.lastIndexOf(handOverNote('generate')) > notes.indexOf(handOverNote('finish')) &&
    notes.includes(handOverNote('finish'))
  );
}
