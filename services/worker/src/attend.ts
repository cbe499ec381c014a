/**
 * Works on one claimed job to its end, or until it must let go: keeps the lease while the work advances, watches
 * for cancellation and the deadline, and writes down how it ended.
 */
import {
  CancelledError,
  EspalierError,
  ensureError,
  type Failure,
  failureOf,
  type HandOver,
  type Job,
  type JobStats,
  type JobStatus,
  type Logger,
  LostClaimError,
  type PipelineEvent,
  type PipelineListener,
  RejectedError,
  RetryableError,
  type TerminalError,
} from '@espalier/contracts';
import { cancelKey, resultKey } from '@espalier/storage';
import { type ClaimContext, deadlineError, deadlineOf, isCancelled, isYoung, writeRejection } from './attempt-claim.ts';
import type { Claim } from './claim.ts';
import type { JobRunner } from './runner.ts';
import {
  cameBack,
  earlyDeathsOf,
  finishedRecord,
  handOverNote,
  type Progress,
  RETRIES_MAX,
  RETRY_NOTE,
  renewedRecord,
  retriesOf,
  returnedRecord,
  wasHandedOver,
  withCosts,
} from './status-record.ts';
import type { Timers } from './timers.ts';

export interface AttendContext extends ClaimContext {
  readonly timers: Timers;
  readonly runner: JobRunner;
  readonly logger: Logger;
  /** Milliseconds between looks at the cancel marker and writes of progress. */
  readonly beatMs: number;
  /** Milliseconds without any event after which the work counts as hung, and the lease is left to end. */
  readonly stallMs: number;
  /** Milliseconds that a run which was told to stop gets for saving. */
  readonly graceMs: number;
  /** See `Claimed`. @defaultValue false */
  readonly seedDrawn?: boolean;
  /** See `RunOptions`. */
  readonly finishHere?: () => boolean;
  /** Out of memory is the end, not worth another try. @defaultValue false */
  readonly failOutOfMemory?: boolean;
  /** Aborted when this worker must let go of the job. */
  readonly signal: AbortSignal;
  readonly onEvent?: PipelineListener;
}

/** `handed-over`: the record waits for another lane; `returned`: for any worker. */
export type Outcome = 'succeeded' | 'failed' | 'cancelled' | 'rejected' | 'handed-over' | 'returned' | 'lost';

/** Why a run was stopped from this side. */
type Stop =
  | { readonly why: 'cancelled' | 'shutdown' | 'stalled' }
  | { readonly why: 'lost'; readonly error: LostClaimError }
  | { readonly why: 'deadline'; readonly error: TerminalError };

/** @throws RetryableError STORE_* when the end could not be written: the lease ends by itself, the job comes again */
export async function attend(context: AttendContext, claim: Claim, job: Job): Promise<Outcome> {
  const { clock, timers, store, leaseMs } = context;
  const run = new AbortController();
  let stop: Stop | undefined;
  let over = false;
  let giveUp: (error: Error) => void = () => {};
  const unresponsive = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  const ends: (() => void)[] = [];
  const halt = (reason: Stop) => {
    if (stop !== undefined || over) return;
    stop = reason;
    const error = 'error' in reason ? reason.error : new CancelledError(`the run was stopped: ${reason.why}`);
    ends.push(timers.after(context.graceMs, () => giveUp(error)));
    run.abort(error);
  };

  const submittedAt = Date.parse(claim.status.submitted_at);
  const claimedAt = Date.parse(claim.status.updated_at);
  // A date that lies ahead is another clock's, and no marker can be held against it: then any counts.
  const cancelledSince = submittedAt <= claimedAt ? submittedAt : 0;
  let progress: Progress = {};
  let advancedAt = clock.now();
  let renewedAt = clock.now();
  let written: Progress = progress;
  const move = (step: (from: JobStatus) => JobStatus) => claim.move((from) => step(withCosts(from, progress)));
  const renew = async () => {
    const current = progress;
    await move((from) => renewedRecord(from, clock.now(), leaseMs, current));
    [written, renewedAt] = [current, clock.now()];
  };
  // Whose worker died before tells at once how far it gets: the next death shall find what to be judged by.
  let suspect = claim.status.crashes > 0 || earlyDeathsOf(claim.status) > 0;
  let telling = false;
  const tellAtOnce = async () => {
    if (!suspect || telling || over || stop !== undefined) return;
    telling = true;
    try {
      while (suspect && progress !== written && !over && stop === undefined) {
        await renew();
        suspect = claim.status.crashes > 0;
      }
    } catch {
      // The next beat finds out what is wrong.
    } finally {
      telling = false;
    }
  };
  const onEvent = (event: PipelineEvent) => {
    advancedAt = clock.now();
    progress = progressAfter(progress, event);
    if (progress !== written) void tellAtOnce();
    context.onEvent?.(event);
  };

  const beat = async () => {
    const now = clock.now();
    if (now - advancedAt > context.stallMs) return halt({ why: 'stalled' });
    try {
      if (await isCancelled(store, { id: job.id, submittedAt: cancelledSince })) halt({ why: 'cancelled' });
      if (over || stop !== undefined) return;
      if (progress === written && now - renewedAt < leaseMs / 3) return;
      await renew();
    } catch (error) {
      if (error instanceof LostClaimError) return halt({ why: 'lost', error });
      context.logger.warn({ err: error }, 'the lease could not be renewed');
      if (now - renewedAt > leaseMs) halt({ why: 'lost', error: new LostClaimError('the lease ended unrenewed') });
    }
  };

  const onShutdown = () => halt({ why: 'shutdown' });
  const deadline = deadlineOf(job, claim.status);
  const keepBeating = () => ends.push(timers.every(context.beatMs, beat));
  if (isYoung(context, submittedAt, claimedAt)) {
    // The claim did not look whether it was cancelled.
    const rest = Math.max(0, submittedAt + context.beatMs - clock.now());
    ends.push(
      timers.after(rest, () => {
        keepBeating();
        void beat();
      }),
    );
  } else keepBeating();
  if (deadline !== undefined) {
    ends.push(timers.after(deadline - clock.now(), () => halt({ why: 'deadline', error: deadlineError(job) })));
  }
  ends.push(() => context.signal.removeEventListener('abort', onShutdown));
  context.signal.addEventListener('abort', onShutdown);
  if (context.signal.aborted) onShutdown();
  try {
    let result: JobStats | HandOver;
    const { stages: earlier } = claim.status;
    const justHandedOver = wasHandedOver(claim.status);
    const finishHere = cameBack(claim.status) ? () => true : context.finishHere;
    const options = {
      signal: run.signal,
      onEvent,
      logger: context.logger,
      justHandedOver,
      seedDrawn: context.seedDrawn === true,
      ...(finishHere !== undefined && { finishHere }),
      ...(earlier !== undefined && { earlier }),
    };
    try {
      result = await Promise.race([context.runner.run(job, options), unresponsive]);
      over = true; // from here on the record is this function's to move
    } catch (thrown) {
      over = true;
      return await settle(context, { claim, move, job }, ensureError(thrown), stop);
    }
    if ('handOver' in result) {
      const { handOver } = result;
      await move((from) => returnedRecord(from, clock.now(), { note: handOverNote(handOver) }));
      context.logger.info({ lane: handOver }, 'job handed over');
      return 'handed-over';
    }
    const names = [...Object.keys(result.files ?? { 'model.glb': 0 }), 'stats.json'];
    const results = Object.fromEntries(names.map((name) => [name, resultKey(job.id, name)]));
    await move((from) => finishedRecord(from, clock.now(), { state: 'succeeded', results }));
    const { face_count, glb_size_bytes, generation_time_seconds } = result;
    context.logger.info({ face_count, glb_size_bytes, generation_time_seconds }, 'job succeeded');
    return 'succeeded';
  } catch (error) {
    if (!(error instanceof LostClaimError)) throw error;
    context.logger.warn({ err: error }, 'claim lost');
    return 'lost';
  } finally {
    for (const end of ends) end();
  }
}

/** Writes down a run that threw. */
async function settle(
  context: AttendContext,
  { claim, move, job }: { readonly claim: Claim; readonly move: Claim['move']; readonly job: Job },
  error: Error,
  stop: Stop | undefined,
): Promise<Outcome> {
  const { clock, logger, store } = context;
  const now = clock.now();
  const finish = async (state: 'failed' | 'cancelled' | 'rejected', failure?: Failure): Promise<Outcome> => {
    await move((from) => finishedRecord(from, now, { state, ...(failure !== undefined && { error: failure }) }));
    return state;
  };
  if (stop?.why === 'lost' || error instanceof LostClaimError) {
    logger.warn({ err: stop?.why === 'lost' ? stop.error : error }, 'claim lost: another worker goes on');
    return 'lost';
  }
  if (stop?.why === 'cancelled') {
    await finish('cancelled');
    await store.delete(cancelKey(job.id));
    logger.info({}, 'job cancelled; its checkpoints are kept');
    return 'cancelled';
  }
  if (stop?.why === 'deadline') {
    logger.warn({}, 'job failed: deadline exceeded');
    return finish('failed', failureOf(stop.error));
  }
  if (stop?.why === 'shutdown' || (error instanceof CancelledError && stop === undefined)) {
    await move((from) => returnedRecord(from, now, { note: 'handed back' }));
    logger.info({}, 'job handed back; any worker goes on from its last checkpoint');
    return 'returned';
  }
  if (error instanceof RejectedError) {
    const failure = failureOf(error);
    await writeRejection(store, job.id, claim.status.source, now, failure);
    logger.warn({ code: error.code }, `job rejected: ${error.message}`);
    return finish('rejected', failure);
  }
  const fault = stop?.why === 'stalled' ? stalled(context.stallMs) : error;
  const failure = failureOf(fault);
  const retries = retriesOf(claim.status);
  const hopeless = failure.code === 'OUT_OF_MEMORY' && context.failOutOfMemory === true;
  if (fault instanceof RetryableError && retries < RETRIES_MAX && !hopeless) {
    const wait = Math.max(fault.retryAfterSeconds ?? 0, 2 ** retries) * 1000;
    logger.warn({ err: fault, code: fault.code, retry_in_seconds: wait / 1000 }, `job comes again: ${fault.message}`);
    await move((from) =>
      returnedRecord(from, now, { note: `${RETRY_NOTE}${failure.code}`, retryAt: now + wait, error: failure }),
    );
    return 'returned';
  }
  const known = fault instanceof EspalierError;
  logger.error(
    { err: fault, code: failure.code, ...(known && { remedy: fault.remedy }) },
    `job failed: ${fault.message}`,
  );
  return finish('failed', failure);
}

function stalled(stallMs: number): RetryableError {
  return new RetryableError(`nothing moved for ${stallMs / 1000} s`, {
    code: 'STALLED',
    remedy: 'the job is tried again; if it hangs in the same place, look at the log of that stage',
  });
}

function progressAfter(progress: Progress, event: PipelineEvent): Progress {
  const costs = progress.computed === undefined ? {} : { computed: progress.computed };
  switch (event.type) {
    case 'stage.started':
      return {
        ...costs,
        stage: event.stage,
        ...(event.steps !== undefined && { step: event.resumedFromStep ?? 0, steps: event.steps }),
      };
    case 'stage.step':
      return { ...costs, stage: event.stage, step: event.step, steps: event.steps };
    case 'stage.finished': {
      const { type: _type, job: _job, stage, ...stats } = event;
      if (stats.cached) return progress;
      return { ...progress, computed: { ...progress.computed, [stage]: stats } };
    }
    default:
      return progress;
  }
}
