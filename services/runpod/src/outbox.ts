/**
 * Results on their way to RunPod. Each is written to the store before it is posted and removed when RunPod has
 * taken it, so neither a platform that is down for an hour nor a restart loses one. The file itself is not kept
 * here: an entry names the asset, and the body is made anew for each try.
 */
import { type Clock, ensureError, type JobStats, JobStatsSchema, type Logger, sha256 } from '@espalier/contracts';
import { type ObjectStore, resultKey } from '@espalier/storage';
import { z } from 'zod';
import { answerOf, type DoneBody, linkedAnswer } from './answer.ts';
import { DoneRefused, type Platform } from './platform.ts';

const EntrySchema = z.strictObject({
  /** RunPod's id of the job. */
  job: z.string(),
  /** Where the result goes: another worker may deliver what this one made. */
  url: z.string(),
  created_at: z.iso.datetime(),
  /** Id under which the asset lies in the store; absent for an error. */
  asset: z.string().optional(),
  error: z.string().optional(),
  /** Answer to whoever sent a job of the bucket's: no file goes with it. */
  output: z.record(z.string(), z.unknown()).optional(),
  stop_pod: z.boolean(),
  /** The file was refused for its size: send a link. */
  linked: z.boolean(),
});
export type OutboxEntry = z.infer<typeof EntrySchema>;

export interface OutboxBody {
  readonly asset?: string;
  readonly error?: string;
  readonly output?: Record<string, unknown>;
  readonly stopPod?: boolean;
}

export interface OutboxOptions {
  readonly store: ObjectStore;
  readonly platform: Platform;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly sleep: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly inlineBytes: number;
  readonly linkSeconds: number;
}

export const OUTBOX_PREFIX = 'runpod/outbox/';
/** Waits in milliseconds between tries, Fibonacci like RunPod's own three, but not ending there. */
const LONGEST_WAIT = 60_000;
/** RunPod keeps no job longer than this; its result is then in the store only. */
const GIVE_UP = 24 * 3600 * 1000;

export class Outbox {
  readonly #options: OutboxOptions;
  readonly #deliveries = new Set<Promise<void>>();

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** Takes responsibility for a result: once this resolves, it is on its way, and kept until it has arrived. */
  async put(job: string, body: OutboxBody, signal: AbortSignal): Promise<void> {
    const { store, platform, clock } = this.#options;
    const entry: OutboxEntry = {
      job,
      url: platform.doneUrl(job),
      created_at: new Date(clock.now()).toISOString(),
      ...(body.asset !== undefined && { asset: body.asset }),
      ...(body.error !== undefined && { error: body.error }),
      ...(body.output !== undefined && { output: body.output }),
      stop_pod: body.stopPod ?? false,
      linked: false,
    };
    await store.put(keyOf(entry), encode(entry), { contentType: 'application/json' });
    this.#start(entry, signal);
  }

  /** Takes up what an earlier run of this worker, or another one, left behind. @returns how many */
  async resume(signal: AbortSignal): Promise<number> {
    const { store, logger } = this.#options;
    let found = 0;
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await store.list(OUTBOX_PREFIX, { after });
      for (const { key } of page.objects) {
        const object = await store.get(key);
        const parsed = object === undefined ? undefined : parseEntry(object.body);
        if (parsed === undefined) logger.error({ key }, 'an outbox entry cannot be read');
        else {
          found += 1;
          this.#start(parsed, signal);
        }
      }
      after = page.next;
    }
    return found;
  }

  /** Waits for deliveries under way. */
  async settle(): Promise<void> {
    while (this.#deliveries.size > 0) await Promise.all(this.#deliveries);
  }

  #start(entry: OutboxEntry, signal: AbortSignal): void {
    const delivery = this.#deliver(entry, signal).finally(() => this.#deliveries.delete(delivery));
    this.#deliveries.add(delivery);
  }

  async #deliver(first: OutboxEntry, signal: AbortSignal): Promise<void> {
    const { store, platform, clock, logger, sleep } = this.#options;
    let entry = first;
    let [wait, before] = [1000, 0];
    for (let turn = 1; !signal.aborted; turn += 1) {
      try {
        const body = await this.#bodyOf(entry);
        await platform.post(entry.url, entry.job, JSON.stringify(body), signal);
        await store.delete(keyOf(entry));
        if (turn > 1) logger.info({ job: entry.job, turn }, 'the result was handed over at last');
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        const age = clock.now() - Date.parse(entry.created_at);
        if (thrown instanceof DoneRefused && entry.asset !== undefined && !entry.linked) {
          logger.warn({ job: entry.job }, 'RunPod refused the result; sending a link to the file instead');
          entry = { ...entry, linked: true };
          await store.put(keyOf(entry), encode(entry), { contentType: 'application/json' }).catch(() => {});
          continue;
        }
        if (thrown instanceof DoneRefused || age > GIVE_UP) {
          logger.error(
            { job: entry.job, err: thrown, asset: entry.asset },
            'RunPod does not take the result: it stays in the store',
          );
          await store.delete(keyOf(entry)).catch(() => {});
          return;
        }
        logger.warn({ job: entry.job, turn, err: ensureError(thrown) }, 'the result could not be handed over yet');
      }
      await sleep(wait, signal);
      [wait, before] = [Math.min(LONGEST_WAIT, wait + before), wait];
    }
  }

  async #bodyOf(entry: OutboxEntry): Promise<DoneBody> {
    const stop = entry.stop_pod && { stopPod: true as const };
    if (entry.output !== undefined) return { output: entry.output, ...stop };
    if (entry.asset === undefined) return { error: entry.error ?? 'unknown fault', ...stop };
    const { store, inlineBytes, linkSeconds, clock } = this.#options;
    const stats = await readStats(store, entry.asset);
    if (stats === undefined)
      return { error: 'the result was removed from the store before it could be handed over', ...stop };
    const asset = { stats, glbKey: resultKey(entry.asset, 'model.glb') };
    const options = { store, inlineBytes, linkSeconds, now: clock.now() };
    return { output: await (entry.linked ? linkedAnswer(asset, options) : answerOf(asset, options)), ...stop };
  }
}

/** Several results for one job, by whatever accident, are one entry. */
function keyOf({ job }: OutboxEntry): string {
  return `${OUTBOX_PREFIX}${sha256(job).slice(0, 32)}.json`;
}

function encode(entry: OutboxEntry): Uint8Array {
  return Buffer.from(JSON.stringify(entry));
}

function parseEntry(body: Uint8Array): OutboxEntry | undefined {
  try {
    return EntrySchema.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return undefined;
  }
}

async function readStats(store: ObjectStore, asset: string): Promise<JobStats | undefined> {
  const object = await store.get(resultKey(asset, 'stats.json'));
  return object && JobStatsSchema.parse(JSON.parse(Buffer.from(object.body).toString('utf8')));
}
