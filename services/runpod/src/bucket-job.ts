/**
 * Jobs that lie in the bucket and that a dispatcher sends here: `{"input": {"espalier": {"job": "chest"}}}`. They are
 * claimed like on any other machine, by their status record, so a job that is sent twice, or that another fleet works on,
 * is done once; checkpoints and results lie under its own id. What the bucket says is the result: the answer only hints.
 */
import { randomInt } from 'node:crypto';
import {
  type Clock,
  type JobState,
  type Logger,
  newOwnerTag,
  type PipelineListener,
  systemClock,
  type WorkLane,
} from '@espalier/contracts';
import { type JobTurn, JobTurnSchema } from '@espalier/queue';
import { jobKey, type ObjectStore } from '@espalier/storage';
import {
  attemptClaim,
  attend,
  handedTo,
  type JobRunner,
  LANE_PACE,
  readSubmission,
  systemTimers,
  type Timers,
} from '@espalier/worker';

/** What RunPod keeps as the job's output. */
export interface BucketAnswer {
  readonly job: string;
  /** Of its record; `held`: another worker has it or it waits; `gone`: the job object was removed. */
  readonly state: JobState | 'held' | 'gone';
  /** The lane whose turn it is. */
  readonly next?: WorkLane;
  readonly out_of_memory?: true;
}

export type BucketJobRunner = (
  turn: JobTurn,
  options: { readonly signal: AbortSignal; readonly onEvent: PipelineListener; readonly logger: Logger },
) => Promise<BucketAnswer>;

export interface BucketJobOptions {
  readonly store: ObjectStore;
  readonly runner: JobRunner;
  readonly leaseSeconds: number;
  /** @defaultValue LANE_PACE */
  readonly pace?: Partial<typeof LANE_PACE>;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** @defaultValue the system's */
  readonly timers?: Timers;
}

/** The job that the input names; undefined when it is a job itself. */
export function turnOf(input: unknown): JobTurn | undefined {
  const parsed = JobTurnSchema.safeParse(input);
  if (!parsed.success) return undefined;
  const { job, key } = parsed.data.espalier;
  return { job, ...(key !== undefined && { key }) };
}

export function bucketJobRunner(options: BucketJobOptions): BucketJobRunner {
  const { store, runner, leaseSeconds, clock = systemClock, timers = systemTimers } = options;
  const pace = { ...LANE_PACE, ...options.pace };
  const worker = newOwnerTag();
  const context = { store, clock, worker, leaseMs: leaseSeconds * 1000, settleMs: pace.settle * 1000 };
  return async (turn, { signal, onEvent, logger }) => {
    const reading = await readSubmission(store, { key: turn.key ?? jobKey(turn.job) }, (bound) => randomInt(bound));
    if (reading === undefined) return { job: turn.job, state: 'gone' };
    const result = await attemptClaim(context, reading);
    const { id } = reading.submission;
    if (result.kind === 'later') return { job: id, state: 'held' };
    if (result.kind === 'ended') return { job: id, state: result.status.state };
    const { claim, job } = result;
    await attend(
      {
        ...context,
        timers,
        runner,
        logger,
        onEvent,
        signal,
        beatMs: pace.beat * 1000,
        stallMs: pace.stall * 1000,
        graceMs: pace.grace * 1000,
      },
      claim,
      job,
    );
    const next = handedTo(claim.status);
    return {
      job: job.id,
      state: claim.status.state,
      ...(next !== undefined && { next }),
      // What is left in an accelerator's memory after it ran out is unknown: the next job gets a fresh worker.
      ...(claim.status.error?.code === 'OUT_OF_MEMORY' && { out_of_memory: true as const }),
    };
  };
}
