/**
 * One message to its end: whatever it says, the bucket decides what is to be done. A message leaves the queue only
 * when the job it speaks of is at its end, is waiting under another message, or never was a job.
 */
import { EspalierError, ensureError, TerminalError } from '@espalier/contracts';
import { type AnnouncedObject, backOffSeconds, type HandedJob, parseMessage, type QueueMessage } from '@espalier/queue';
import { JOBS_PREFIX, jobKey } from '@espalier/storage';
import { attemptClaim } from '../attempt-claim.ts';
import { claimHanded } from '../claim-handed.ts';
import { readBody, readSubmission } from '../submissions.ts';
import { type Attempt, attendClaim, type MessageContext, type Verdict } from './attend-claim.ts';
import { buryMessage } from './dead-letter.ts';
import { storeInlineJob } from './inline-job.ts';

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
  const { options, logger } = context;
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
        return await attendInline(announcing(context, message), message, parsed.job);
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

/** A job that was written a moment ago need not be read. It was submitted when its message was. */
async function attendInline(
  context: MessageContext,
  message: QueueMessage,
  job: Readonly<Record<string, unknown>>,
): Promise<Verdict> {
  const { store, clock, options } = context;
  const { key, written } = await storeInlineJob(store, job);
  if (written === undefined) return attendKey(context, message, key);
  // In whole seconds, as stores date their objects: what comes after it must not seem to come before.
  const submittedAt = Math.floor((message.sentAt || clock.now()) / 1000) * 1000;
  const reading = await readBody(store, { key, etag: written.etag, submittedAt }, written.body, options.random);
  return attendClaim(context, message, key, { reading, result: await attemptClaim(context, reading) });
}

/** The job object and whether it is ours to do; nothing when it was deleted. */
async function claimKey(
  context: MessageContext,
  { receiveCount }: QueueMessage,
  key: string,
  handed: HandedJob | undefined,
): Promise<Attempt | undefined> {
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
  const found = await claimKey(context, message, key, handed);
  return found === undefined ? 'done' : attendClaim(context, message, key, found);
}
