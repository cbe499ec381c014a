/**
 * Feeds a RunPod endpoint from the generate queue, so that its workers and machines that take messages themselves serve
 * one bucket side by side. Holds no more messages than RunPod may have jobs at once; each stays hidden until the
 * bucket says that its job has left the GPU lane.
 */
import { setMaxListeners } from 'node:events';
import { type Clock, EspalierError, ensureError, type Logger, systemClock, TerminalError } from '@espalier/contracts';
import {
  backOffSeconds,
  encodeJobTurn,
  Heartbeat,
  type JobQueue,
  parseMessage,
  type QueueMessage,
} from '@espalier/queue';
import { idFromKey, JOBS_PREFIX, jobKey, type ObjectStore } from '@espalier/storage';
import { buryMessage, ownKey, storeInlineJob, systemTimers, type Timers } from '@espalier/worker';
import type { Endpoint } from './endpoint.ts';
import { DISPATCH_PACE, runErrand, type Verdict } from './errand.ts';

export interface DispatcherOptions {
  readonly store: ObjectStore;
  readonly queues: { readonly generate: JobQueue; readonly finish: JobQueue; readonly notify?: JobQueue | undefined };
  readonly endpoint: Endpoint;
  readonly logger: Logger;
  /** Jobs that RunPod has at once. */
  readonly inFlight: number;
  /** How long a message stays hidden unless extended: after so long another dispatcher takes over from a dead one. */
  readonly visibilitySeconds: number;
  /** @defaultValue DISPATCH_PACE */
  readonly pace?: Partial<typeof DISPATCH_PACE>;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** @defaultValue the system's */
  readonly timers?: Timers;
}

/** Without a word from RunPod for this long, the message is let go: seconds. */
const STALL = 3600;

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #pace: typeof DISPATCH_PACE;
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** Keys of job objects that are on their way. */
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #waiting = new Map<string, () => void>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#pace = { ...DISPATCH_PACE, ...options.pace };
    this.#clock = options.clock ?? systemClock;
    this.#timers = options.timers ?? systemTimers;
  }

  /** Jobs that RunPod has now. */
  get active(): number {
    return this.#underWay.size;
  }

  /** Something was heard of a job, by whomever: it is looked at now rather than later. */
  poke(runpodId: string): void {
    this.#waiting.get(runpodId)?.();
  }

  /**
   * Works until the signal is aborted. What RunPod has then stays there; the messages go back at once, and whoever gets
   * them goes on asking.
   */
  async serve(signal: AbortSignal): Promise<void> {
    const { queues, inFlight, logger } = this.#options;
    setMaxListeners(0, signal);
    for (let faults = 0; !signal.aborted; ) {
      if (this.#underWay.size >= inFlight) {
        await Promise.race(this.#underWay.values());
        continue;
      }
      try {
        const max = Math.min(10, inFlight - this.#underWay.size);
        const messages = await queues.generate.receive({ max, waitSeconds: this.#pace.poll, signal });
        faults = 0;
        await Promise.all(messages.map((message) => this.#accept(message, signal)));
      } catch (thrown) {
        faults += 1;
        const wait = Math.min(60_000, 1000 * 2 ** Math.min(10, faults));
        logger.error({ err: ensureError(thrown), retry_in_seconds: wait / 1000 }, 'the queue cannot be used now');
        await this.#timers.sleep(wait, signal);
      }
    }
    await Promise.all(this.#underWay.values());
  }

  /** Begins what the message asks for; resolves as soon as it is under way. Never throws. */
  async #accept(message: QueueMessage, signal: AbortSignal): Promise<void> {
    try {
      const key = await this.#keyOf(message);
      if (key === undefined) return;
      if (signal.aborted) return await message.extend(0);
      // Announced twice: once what is under way has ended, there is nothing left to do for this one.
      if (this.#underWay.has(key)) return await message.extend(60);
      const work = this.#carry(key, message, signal).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, work);
    } catch (thrown) {
      await this.#giveBack(message, ensureError(thrown));
    }
  }

  /** The job object that the message speaks of; undefined when the message is done with. */
  async #keyOf(message: QueueMessage): Promise<string | undefined> {
    const { store, queues } = this.#options;
    const parsed = parseMessage(message.body);
    try {
      switch (parsed.kind) {
        case 'turn':
          return parsed.turn.key ?? jobKey(parsed.turn.job);
        case 'job':
          return (await storeInlineJob(store, parsed.job)).key;
        case 'invalid':
          throw new TerminalError(parsed.reason, { code: parsed.code });
        case 'objects': {
          const keys = parsed.objects
            .map(({ bucket, key }) => ownKey(store.location, bucket, key))
            .filter((key) => key !== undefined && idFromKey(JOBS_PREFIX, key) !== undefined);
          // In practice one; several become messages of their own.
          const [first, ...rest] = keys;
          for (const key of rest) {
            const job = key === undefined ? undefined : idFromKey(JOBS_PREFIX, key);
            if (job !== undefined && key !== undefined) await queues.generate.send(encodeJobTurn({ job, key }));
          }
          if (first !== undefined) return first;
        }
      }
    } catch (thrown) {
      // A fault that will be there next time too.
      if (!(thrown instanceof TerminalError)) throw thrown;
      this.#options.logger.warn({ message: message.id, code: thrown.code }, `message buried: ${thrown.message}`);
      const { code, message: reason } = thrown;
      await buryMessage({ store, clock: this.#clock }, queues.generate.location, message, { code, reason });
      return undefined;
    }
    await message.delete();
    return undefined;
  }

  async #carry(key: string, message: QueueMessage, stop: AbortSignal): Promise<void> {
    const { store, queues, endpoint, logger, visibilitySeconds } = this.#options;
    const lost = new AbortController();
    const heartbeat = new Heartbeat(message, {
      visibilitySeconds,
      stallSeconds: STALL,
      clock: this.#clock,
      schedule: (milliseconds, wake) => this.#timers.after(milliseconds, wake),
      onLost: (error) => {
        logger.warn({ err: error, key }, 'the message is no longer hidden: whoever gets it goes on');
        lost.abort();
      },
      onMissed: (error) => logger.warn({ err: error, key }, 'the message could not be kept hidden; trying again'),
    });
    try {
      const verdict = await runErrand(
        {
          store,
          finish: queues.finish,
          notify: queues.notify,
          endpoint,
          logger,
          clock: this.#clock,
          pace: this.#pace,
          wait: (seconds, signal, runpodId) => this.#wait(seconds, signal, runpodId),
          onAlive: () => heartbeat.advanced(),
          signal: AbortSignal.any([stop, lost.signal]),
        },
        key,
      );
      heartbeat.stop();
      if (!lost.signal.aborted || verdict === 'done') await this.#conclude(message, verdict);
    } catch (thrown) {
      heartbeat.stop();
      if (!lost.signal.aborted) await this.#giveBack(message, ensureError(thrown));
    }
  }

  async #conclude(message: QueueMessage, verdict: Verdict): Promise<void> {
    if (verdict === 'done') await message.delete();
    else await message.extend(Math.min(900, Math.ceil(verdict.againIn)));
  }

  async #giveBack(message: QueueMessage, error: Error): Promise<void> {
    const seconds = Math.ceil(backOffSeconds(message.receiveCount));
    const known = error instanceof EspalierError ? { code: error.code, remedy: error.remedy } : { err: error };
    this.#options.logger.error({ ...known, retry_in_seconds: seconds }, `job not carried on: ${error.message}`);
    await message.extend(seconds).catch(() => {}); // it shows again by itself
  }

  async #wait(seconds: number, signal: AbortSignal, runpodId: string | undefined): Promise<void> {
    const heard = new AbortController();
    if (runpodId !== undefined) this.#waiting.set(runpodId, () => heard.abort());
    try {
      await this.#timers.sleep(seconds * 1000, AbortSignal.any([signal, heard.signal]));
    } finally {
      if (runpodId !== undefined) this.#waiting.delete(runpodId);
    }
  }
}
