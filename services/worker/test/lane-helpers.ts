/** A bucket, queues in memory, and lanes that do what the test says: fresh ones for each test. */
import { type HandOver, type Job, type JobStats, silentLogger, type WorkLane } from '@espalier/contracts';
import { MemoryQueue } from '@espalier/queue';
import type { FolderStore } from '@espalier/storage';
import { afterEach, beforeEach, expect } from 'vitest';
import { type LaneOptions, LaneWorker, type RunOptions } from '../src/index.ts';
import { bucket, ScriptedRunner, statusOf } from './helpers.ts';

export const bytes = (value: unknown) =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
export const s3Event = (key: string) =>
  JSON.stringify({
    Records: [
      {
        eventVersion: '2.1',
        eventSource: 'aws:s3',
        eventName: 'ObjectCreated:Put',
        s3: { bucket: { name: 'b' }, object: { key: encodeURIComponent(key).replaceAll('%2F', '/'), size: 3 } },
      },
    ],
  });
export const eventBridge = (key: string) =>
  JSON.stringify({
    version: '0',
    id: 'x',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    detail: { bucket: { name: 'b' }, object: { key } },
  });
export const sns = (message: string) => JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message: message });

/** Seconds: longer than a busy machine holds a process up, so that nothing is taken over but where a test means it. */
const LEASE = 30;

export let store: FolderStore;
export let queues: Record<'generate' | 'finish' | 'notify' | 'generateLarge', MemoryQueue>;
let stop: AbortController;
let serving: Promise<void>[];

beforeEach(async () => {
  store = await bucket();
  const queue = (name: string) => new MemoryQueue({ name, visibilitySeconds: LEASE, maxReceives: 20 });
  queues = {
    generate: queue('generate'),
    finish: queue('finish'),
    notify: queue('notify'),
    generateLarge: queue('large'),
  };
  stop = new AbortController();
  serving = [];
});
afterEach(stopServing);

/** Tells all lanes to stop and waits until they have; later ones serve on. */
export async function stopServing(): Promise<void> {
  stop.abort();
  await Promise.all(serving);
  serving = [];
  stop = new AbortController();
}

export type Script = (job: Job, options: RunOptions) => Promise<unknown>;

/** Does as the script says; leaves result files unless it hands over. */
export class LaneRunner extends ScriptedRunner {
  readonly #lane: Script;
  constructor(lane: Script = async () => {}) {
    super(store);
    this.#lane = lane;
  }
  override async run(job: Job, options: RunOptions): Promise<JobStats | HandOver> {
    const over = await this.#lane(job, options);
    if (typeof over === 'object' && over !== null) {
      this.jobs.push(job);
      return over as HandOver;
    }
    return super.run(job, options);
  }
}

export function serve(lane: WorkLane, script?: Script, options: Partial<LaneOptions> = {}) {
  const runner = new LaneRunner(script);
  const worker = new LaneWorker({
    lane,
    queues: { generate: queues.generate, finish: queues.finish, notify: queues.notify },
    store,
    runner,
    logger: silentLogger,
    random: (bound) => bound - 7,
    leaseSeconds: LEASE,
    visibilitySeconds: LEASE,
    pace: { poll: 1, beat: 0.05 },
    ...options,
  });
  const served = worker.serve(stop.signal);
  serving.push(served);
  return { runner, worker, served };
}

export const reaches = (id: string, state: string) =>
  expect.poll(async () => (await statusOf(store, id).catch(() => undefined))?.state, { timeout: 50_000 }).toBe(state);
