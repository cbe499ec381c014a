/**
 * Finds jobs that have ended, for where no queue connects the workers with the notifier: a worker in another process
 * on the same folder, or one that died between writing the end down and saying so.
 */
import { type Clock, ensureError, JobStatusSchema, type Logger } from '@espalier/contracts';
import type { JobQueue } from '@espalier/queue';
import { idFromKey, type ObjectInfo, type ObjectStore, STATUS_PREFIX } from '@espalier/storage';
import { encodeNotify } from './message.ts';
import { pause } from './pause.ts';
import { isEnd } from './payload.ts';

export interface EndWatchOptions {
  readonly store: ObjectStore;
  /** The notify queue. Jobs without a webhook are announced too: the notifier knows what to do with them. */
  readonly queue: JobQueue;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Older ends were told, or given up. Milliseconds. */
const RECENT = 26 * 3600 * 1000;

export class EndWatch {
  readonly #options: EndWatchOptions;
  /** ETags of the status records as they were last seen, by key. */
  #seen = new Map<string, string>();

  constructor(options: EndWatchOptions) {
    this.#options = options;
  }

  /** Announces what has ended since the last look. @returns how many jobs that were */
  async look(): Promise<number> {
    const { store, queue, clock } = this.#options;
    const seen = new Map<string, string>();
    let announced = 0;
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await store.list(STATUS_PREFIX, { after });
      for (const info of page.objects) {
        if (clock.now() - info.modifiedAt > RECENT) continue;
        seen.set(info.key, info.etag);
        if (this.#seen.get(info.key) === info.etag || !(await this.#hasEnded(info))) continue;
        await queue.send(encodeNotify({ job: idFromKey(STATUS_PREFIX, info.key) ?? '' }));
        announced += 1;
      }
      after = page.next;
    }
    this.#seen = seen;
    return announced;
  }

  /** Looks at once, and again `everySeconds` after each look, until the signal is aborted. */
  async serve(everySeconds: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.look().catch((error: unknown) => {
        this.#options.logger.warn({ err: ensureError(error) }, 'could not look for jobs that have ended');
      });
      await pause(everySeconds * 1000, signal);
    }
  }

  async #hasEnded({ key }: ObjectInfo): Promise<boolean> {
    const object = idFromKey(STATUS_PREFIX, key) === undefined ? undefined : await this.#options.store.get(key);
    if (object === undefined) return false;
    try {
      return isEnd(JobStatusSchema.parse(JSON.parse(new TextDecoder().decode(object.body))).state);
    } catch {
      return false; // one that cannot be read tells nothing, and must not hide the others
    }
  }
}
