/**
 * What a message leads to once it is known whose the job is: it waits, is done with, or the job is worked on to its
 * end, here or, where it fits, in the other lane of this process.
 */
import { isTerminal, type JobStatus, type Logger } from '@espalier/contracts';
import { encodeJobTurn, Heartbeat, type QueueMessage } from '@espalier/queue';
import type { ClaimResult } from '../attempt-claim.ts';
import { type AttendContext, attend } from '../attend.ts';
import { retryTime } from '../status-record.ts';
import type { Reading } from '../submissions.ts';
import type { LaneOptions, LaneVoice } from './lane-options.ts';
import { Stay } from './stay.ts';

export interface MessageContext extends AttendContext {
  readonly options: LaneOptions;
  /** Trace context of the message in hand. */
  readonly traceparent?: string | undefined;
  /** Moves the job to a place in the other lane of this process. Gives nothing where none is free; absent: never. */
  readonly moveOn?: () => LaneVoice | undefined;
  /** The job needs no accelerator for what it is doing: the next one may. */
  readonly leaveDevice: () => void;
}

/** Longest time in seconds that a message waits for its job's next try. */
const WAIT_MAX = 900;

/** Whether the message has done its duty, or in how many seconds it is to come again. */
export type Verdict = 'done' | { readonly againIn: number };

/** A job object, and whether it is ours to do. */
export interface Attempt {
  readonly reading: Reading;
  readonly result: ClaimResult;
}

/** @param key of the job object */
export async function attendClaim(
  context: MessageContext,
  message: QueueMessage,
  key: string,
  { reading, result }: Attempt,
): Promise<Verdict> {
  const { options, clock } = context;
  if (result.kind === 'later') {
    // Whoever holds the job got it by a message of its own, and that one will come again if the holder dies.
    if (result.holder !== undefined && result.sameVersion === true && message.receiveCount === 1) {
      options.hooks?.onDuplicate?.();
      return 'done';
    }
    // Clocks may disagree by hours. A lease that is not renewed ends within its own length by any of them.
    const longest = result.holder === undefined ? WAIT_MAX : context.leaseMs / 1000 + 1;
    return { againIn: Math.min(longest, Math.max(1, (result.at - clock.now()) / 1000)) };
  }
  if (result.kind === 'ended') {
    // A worker that died between writing the end down and announcing it left its message here.
    if (result.justNow || message.receiveCount > 1) await tellEnd(context, result.status, reading);
    if (result.justNow) options.hooks?.onOutcome?.(outcomeOf(result.status), result.status, 0);
    else options.hooks?.onDuplicate?.();
    return 'done';
  }
  const { claim, job, seedDrawn } = result;
  // A claim that says something says whom it was taken from.
  if (claim.status.events.at(-1)?.note !== undefined) options.hooks?.onSteal?.();
  const { lane, hooks } = options;
  let stay = new Stay({ lane, hooks, logger: context.logger }, clock, claim.status, context.traceparent);
  stay.logger.info({ seed: job.input.seed, lane }, 'job claimed');
  const heartbeat = new Heartbeat(message, {
    visibilitySeconds: options.visibilitySeconds,
    stallSeconds: context.stallMs / 1000,
    clock,
    schedule: (milliseconds, wake) => context.timers.after(milliseconds, wake),
    // The claim in the bucket decides who works; losing the message only means that it will be seen twice.
    onLost: (error) => stay.logger.warn({ err: error }, 'the message is no longer hidden'),
    onMissed: (error) => stay.logger.warn({ err: error }, 'the message could not be kept hidden; trying again'),
  });
  // Claim, lease, message and looks at the cancel marker go on with the job: only the place and the stay change.
  const finishHere = () => {
    const next = context.moveOn?.();
    if (next === undefined) return false;
    stay.leave('handed-over', claim.status);
    stay.end({});
    stay = new Stay(next, clock, claim.status, stay.traceparent);
    stay.logger.info({ lane: next.lane }, 'job goes on in the other lane of this worker');
    return true;
  };
  try {
    const outcome = await attend(
      {
        ...context,
        // Of the stay that the job is in when something is told.
        get logger(): Logger {
          return stay.logger;
        },
        seedDrawn,
        finishHere,
        onEvent: (event) => {
          heartbeat.advanced();
          stay.listen(event);
          if (event.type === 'device.freed') context.leaveDevice();
        },
      },
      claim,
      job,
    );
    stay.leave(outcome, claim.status);
    const { traceparent } = stay;
    if (outcome === 'handed-over') {
      const next = options.lane === 'generate' ? 'finish' : 'generate';
      const { status, etag } = claim;
      await options.queues[next].send(encodeJobTurn({ job: job.id, key, traceparent, handed: { job, status, etag } }));
      return 'done';
    }
    if (outcome === 'returned' && claim.status.error?.code === 'OUT_OF_MEMORY' && options.queues.generateLarge) {
      await options.queues.generateLarge.send(encodeJobTurn({ job: job.id, key, traceparent }));
      return 'done';
    }
    if (outcome === 'returned') {
      const againIn = Math.max(0, (retryTime(claim.status) - clock.now()) / 1000);
      if (stay.lane === lane) return { againIn };
      // What is left of it needs no accelerator: its message goes where none is held for it.
      const delaySeconds = Math.min(WAIT_MAX, Math.ceil(againIn));
      await options.queues[stay.lane].send(encodeJobTurn({ job: job.id, key, traceparent }), { delaySeconds });
      return 'done';
    }
    if (outcome === 'lost') return { againIn: context.leaseMs / 1000 };
    await tellEnd({ ...context, traceparent }, claim.status, reading);
    return 'done';
  } finally {
    heartbeat.stop();
    stay.end(claim.status);
  }
}

function outcomeOf({ state }: JobStatus): 'succeeded' | 'failed' | 'cancelled' | 'rejected' {
  return state === 'succeeded' || state === 'cancelled' || state === 'rejected' ? state : 'failed';
}

/** Sends a message for the webhook. Of a job that could not be read, the notifier finds out whether it names one. */
async function tellEnd(context: MessageContext, status: JobStatus, reading: Reading): Promise<void> {
  const notify = context.options.queues.notify;
  if (notify === undefined || !isTerminal(status.state)) return;
  if ('job' in reading && reading.job.webhook === undefined) return;
  const { traceparent } = context;
  await notify.send(encodeJobTurn({ job: status.id, ...(traceparent !== undefined && { traceparent }) }));
}
