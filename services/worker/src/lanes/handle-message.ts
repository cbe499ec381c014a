/**
 * One message to its end: whatever it says, the bucket decides what is to be done. A message leaves the queue only
 * when the job it speaks of is at its end, is waiting under another message, or never was a job.
 */
import {
  EspalierError,
  ensureError,
  isTerminal,
  type JobStatus,
  type Logger,
  TerminalError,
} from '@espalier/contracts';
import {
  type AnnouncedObject,
  backOffSeconds,
  encodeJobTurn,
  type HandedJob,
  Heartbeat,
  parseMessage,
  type QueueMessage,
} from '@espalier/queue';
import { JOBS_PREFIX, jobKey } from '@espalier/storage';
import { attemptClaim, type ClaimResult } from '../attempt-claim.ts';
import { type AttendContext, attend } from '../attend.ts';
import { claimHanded } from '../claim-handed.ts';
import { retryTime } from '../status-record.ts';
import { type Reading, readSubmission } from '../submissions.ts';
import { buryMessage } from './dead-letter.ts';
import { storeInlineJob } from './inline-job.ts';
import type { LaneOptions, LaneVoice } from './lane-options.ts';
import { Stay } from './stay.ts';

export interface MessageContext extends AttendContext {
  readonly options: LaneOptions;
  /** Trace context of the message in hand. */
  readonly traceparent?: string | undefined;
  /** Moves the job to a place in the other lane of this process. Gives nothing where none is free; absent: never. */
  readonly moveOn?: () => LaneVoice | undefined;
}

/** Longest time in seconds that a message waits for its job's next try. */
const WAIT_MAX = 900;

/** Whether the message has done its duty, or in how many seconds it is to come again. */
type Verdict = 'done' | { readonly againIn: number };

/** Never throws. */
export async function handleMessage(context: MessageContext, message: QueueMessage): Promise<void> {
  const { logger, options, signal, clock } = context;
  try {
    options.hooks?.onReceived?.(Math.max(0, clock.now() - message.sentAt));
    if (signal.aborted) return await message.extend(0);
    const verdict = await judge(context, message);
    if (verdict === 'done') await message.delete();
    else if (verdict !== 'buried') await message.extend(Math.min(43_200, Math.ceil(verdict.againIn)));
  } catch (thrown) {
    const error = ensureError(thrown);
    const wait = Math.ceil(backOffSeconds(message.receiveCount));
    const known = error instanceof EspalierError ? { code: error.code, remedy: error.remedy } : { err: error };
    logger.error({ ...known, message: message.id, again_in_seconds: wait }, `a message waits: ${error.message}`);
    // If even that fails, its lease ends by itself.
    await message.extend(wait).catch(() => {});
  }
}

async function judge(context: MessageContext, message: QueueMessage): Promise<Verdict | 'buried'> {
  const { options, store, logger } = context;
  const parsed = parseMessage(message.body);
  const bury = async (code: string, reason: string): Promise<'buried'> => {
    logger.warn({ message: message.id, code }, `message buried: ${reason}`);
    await buryMessage(context, (options.source ?? options.queues[options.lane]).location, message, { code, reason });
    options.hooks?.onDeadLetter?.();
    return 'buried';
  };
  try {
    switch (parsed.kind) {
      case 'ignored':
        return 'done';
      case 'invalid':
        return await bury(parsed.code, parsed.reason);
      case 'turn':
        return await attendKey(
          { ...context, traceparent: parsed.turn.traceparent },
          message,
          parsed.turn.key ?? jobKey(parsed.turn.job),
          parsed.turn.handed,
        );
      case 'job':
        return await attendKey(announcing(context, message), message, await storeInlineJob(store, parsed.job));
      case 'objects':
        return await attendObjects(announcing(context, message), message, parsed.objects);
    }
  } catch (thrown) {
    // A fault that will be there next time too.
    if (thrown instanceof TerminalError) return bury(thrown.code, thrown.message);
    throw thrown;
  }
}

/** The first news of a job: most likely nobody has looked at it yet. */
function announcing(context: MessageContext, { receiveCount }: QueueMessage): MessageContext {
  return receiveCount === 1 ? { ...context, expectNew: true } : context;
}

async function attendObjects(
  context: MessageContext,
  message: QueueMessage,
  objects: readonly AnnouncedObject[],
): Promise<Verdict> {
  const waits: number[] = [];
  for (const { bucket, key } of objects) {
    const own = ownKey(context.store.location, bucket, key);
    if (own === undefined) {
      context.logger.warn({ bucket, key }, 'an object of another bucket was announced');
      continue;
    }
    if (!own.startsWith(JOBS_PREFIX) || !own.endsWith('.json')) continue;
    const verdict = await attendKey(context, message, own);
    if (verdict !== 'done') waits.push(verdict.againIn);
  }
  return waits.length === 0 ? 'done' : { againIn: Math.min(...waits) };
}

/** The key inside the store, for an object that lies in it. Stores that are no bucket believe the announcement. */
export function ownKey(location: string, bucket: string, key: string): string | undefined {
  const place = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(location);
  if (place === null) return key;
  const prefix = place[2] === undefined ? '' : `${place[2]}/`;
  return bucket === place[1] && key.startsWith(prefix) ? key.slice(prefix.length) : undefined;
}

/** The job object and whether it is ours to do; nothing when it was deleted. */
async function claimKey(
  context: MessageContext,
  { receiveCount }: QueueMessage,
  key: string,
  handed: HandedJob | undefined,
): Promise<{ readonly reading: Reading; readonly result: ClaimResult } | undefined> {
  const { store, options } = context;
  // Who sees the message a second time most likely finds the record moved on.
  if (handed !== undefined && receiveCount === 1) {
    const taken = await claimHanded(context, key, handed, options.random);
    if (taken !== undefined) return taken;
  }
  const reading = await readSubmission(store, { key }, options.random);
  return reading && { reading, result: await attemptClaim(context, reading) };
}

async function attendKey(
  context: MessageContext,
  message: QueueMessage,
  key: string,
  handed?: HandedJob,
): Promise<Verdict> {
  const { options, clock } = context;
  const found = await claimKey(context, message, key, handed);
  if (found === undefined) return 'done';
  const { reading, result } = found;
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
    if (outcome === 'returned') return { againIn: Math.max(0, (retryTime(claim.status) - clock.now()) / 1000) };
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
