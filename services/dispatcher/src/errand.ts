/**
 * One job on its way through RunPod: sent, followed, sent again when RunPod forgets or loses it, until the bucket says
 * that the GPU's part is over. RunPod's own word only says when to look.
 */
import { type Clock, ensureError, type Logger, RetryableError } from '@espalier/contracts';
import { encodeJobTurn, type JobQueue } from '@espalier/queue';
import { idFromKey, JOBS_PREFIX, type ObjectStore } from '@espalier/storage';
import { type Dispatch, deleteDispatch, readDispatch, writeDispatch } from './dispatch-record.ts';
import type { Endpoint } from './endpoint.ts';
import { type Look, lookAt } from './look.ts';

/** All in seconds. */
export const DISPATCH_PACE = {
  /** Long poll of the queue. */
  poll: 20,
  /** Between two looks at a job that RunPod has; a webhook shortens it. */
  follow: 15,
  /** RunPod says that a job runs, and for this long no worker holds it: it is lost. */
  lost: 180,
  /** Between two tries of a request that failed: at first, and at most. */
  retry: 2,
  retryMost: 60,
} satisfies Record<string, number>;

/** Times that a job is sent without any worker claiming it, before its message goes back to the queue. */
const FRUITLESS_MAX = 3;

export interface ErrandContext {
  readonly store: ObjectStore;
  readonly finish: JobQueue;
  /** Absent: nobody is told of a job's end. */
  readonly notify?: JobQueue | undefined;
  readonly endpoint: Endpoint;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly pace: typeof DISPATCH_PACE;
  /** Waits for seconds, or until something was heard of that id of RunPod's. */
  readonly wait: (seconds: number, signal: AbortSignal, runpodId?: string) => Promise<void>;
  /** RunPod was reached: the errand is alive. */
  readonly onAlive: () => void;
  /** Aborted: leave everything as it is. */
  readonly signal: AbortSignal;
}

/** Whether the message has done its duty, or in how many seconds it is to come again. */
export type Verdict = 'done' | { readonly againIn: number };

/** @throws RetryableError STORE_*, QUEUE_*; TerminalError STATUS_UNREADABLE */
export async function runErrand(context: ErrandContext, key: string): Promise<Verdict> {
  const { store, endpoint, clock, signal } = context;
  let fruitless = 0;
  let attempts: number | undefined;
  while (!signal.aborted) {
    const look = await lookAt(context, key);
    if (look.kind === 'gone') {
      const gone = idFromKey(JOBS_PREFIX, key);
      if (gone !== undefined) await deleteDispatch(store, gone);
      return 'done';
    }
    if (look.kind === 'ended' || look.kind === 'finish') return settle(context, look, key);
    if (look.kind === 'waits') return { againIn: Math.max(1, (look.until - clock.now()) / 1000) };
    const { id } = look;
    const known = await readDispatch(store, id);
    const ours = known?.endpoint === endpoint.id ? known : undefined;
    // Another fleet works on it, and has a message of its own; this one only watches that it does not die.
    if (look.kind === 'held' && ours === undefined) return { againIn: Math.max(1, (look.until - clock.now()) / 1000) };
    if (look.kind === 'due' && ours === undefined) {
      const attempt = look.status?.attempt ?? 0;
      // A worker had it meanwhile: how often that may go wrong is decided in its record.
      fruitless = attempt === attempts ? fruitless + 1 : 0;
      attempts = attempt;
      if (fruitless === FRUITLESS_MAX) throw unclaimed(id);
    }
    const dispatch = ours ?? (await send(context, id, key));
    if (dispatch !== undefined) await follow(context, dispatch, id, key);
  }
  return { againIn: 0 };
}

/** Passes the job on, and forgets under which id RunPod had it. */
async function settle(
  { store, finish, notify, logger }: ErrandContext,
  look: Extract<Look, { kind: 'ended' | 'finish' }>,
  key: string,
): Promise<Verdict> {
  if (look.kind === 'finish') await finish.send(encodeJobTurn({ job: look.id, key }));
  // Told twice is told once: the notifier keeps a record of what it said.
  else if (look.webhook) await notify?.send(encodeJobTurn({ job: look.id }));
  await deleteDispatch(store, look.id);
  logger.info({ job: look.id }, look.kind === 'finish' ? 'job handed to the finish lane' : 'job is at its end');
  return 'done';
}

/** Tries until RunPod takes the job, however long RunPod is away: the message stays hidden meanwhile. */
async function send(context: ErrandContext, id: string, key: string): Promise<Dispatch | undefined> {
  const { endpoint, store, logger, clock, signal } = context;
  const runpodId = await persist(context, `sending ${id}`, () =>
    endpoint.run(JSON.parse(encodeJobTurn({ job: id, key }))),
  );
  if (runpodId === undefined) return undefined;
  context.onAlive();
  const dispatch = { endpoint: endpoint.id, runpod_id: runpodId, sent_at: new Date(clock.now()).toISOString() };
  await writeDispatch(store, id, dispatch).catch((error: unknown) => {
    logger.warn({ job: id, err: error }, 'it could not be written down where the job went: a restart sends it again');
  });
  logger.info({ job: id, runpod: runpodId }, 'job sent to RunPod');
  return signal.aborted ? undefined : dispatch;
}

/** Until RunPod is done with the job, has forgotten it, or has lost it. */
async function follow(context: ErrandContext, dispatch: Dispatch, id: string, key: string): Promise<void> {
  const { endpoint, store, logger, clock, pace, signal } = context;
  const { runpod_id } = dispatch;
  let aliveAt = clock.now();
  while (!signal.aborted) {
    const answer = await persist(context, `asking for ${id}`, async () => ({
      state: await endpoint.status(runpod_id),
    }));
    if (answer === undefined) return;
    context.onAlive();
    const { state } = answer;
    if (state === undefined) logger.warn({ job: id, runpod: runpod_id }, 'RunPod has forgotten the job');
    if (state !== 'IN_QUEUE' && state !== 'IN_PROGRESS') return deleteDispatch(store, id);
    if (state === 'IN_QUEUE') aliveAt = clock.now();
    else {
      const { kind } = await lookAt(context, key);
      if (kind === 'gone' || kind === 'ended' || kind === 'finish') return;
      if (kind === 'held') aliveAt = clock.now();
      if (clock.now() - aliveAt > pace.lost * 1000) {
        logger.warn({ job: id, runpod: runpod_id }, 'RunPod has lost the job: no worker holds it');
        await endpoint.cancel(runpod_id).catch(() => {}); // if it is worked on after all, the claim decides
        return deleteDispatch(store, id);
      }
    }
    await context.wait(pace.follow, signal, runpod_id);
  }
}

/** Tries again, ever more slowly, until it works; undefined when the signal is aborted. */
async function persist<T>(context: ErrandContext, doing: string, work: () => Promise<T>): Promise<T | undefined> {
  const { pace, logger, signal } = context;
  for (let wait = pace.retry; !signal.aborted; wait = Math.min(pace.retryMost, wait * 2)) {
    try {
      return await work();
    } catch (thrown) {
      const error = ensureError(thrown);
      if (!(error instanceof RetryableError)) throw error;
      const seconds = Math.max(wait, error.retryAfterSeconds ?? 0);
      logger.warn({ code: error.code, remedy: error.remedy, retry_in_seconds: seconds }, `${doing}: ${error.message}`);
      await context.wait(seconds, signal);
    }
  }
  return undefined;
}

function unclaimed(id: string): RetryableError {
  return new RetryableError(`RunPod was sent ${id} ${FRUITLESS_MAX} times, and no worker of it has claimed the job`, {
    code: 'RUNPOD_FRUITLESS',
    remedy: "look at the endpoint's log: do its workers start, and have they the same ESPALIER_STORE?",
  });
}
