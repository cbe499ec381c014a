import {
  type HandOver,
  type Job,
  type JobStats,
  RetryableError,
  silentLogger,
  type WorkLane,
} from '@espalier/contracts';
import { encodeJobTurn, MemoryQueue, parseMessage } from '@espalier/queue';
import type { FolderStore } from '@espalier/storage';
import { cancelKey, DEAD_LETTERS_PREFIX, jobKey, resultKey, statusKey } from '@espalier/storage';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type LaneOptions, LaneWorker, type RunOptions, Sweep } from '../src/index.ts';
import { bucket, ScriptedRunner, started, statusOf, untilAborted } from './helpers.ts';

const bytes = (value: unknown) => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));
const s3Event = (key: string) =>
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
const eventBridge = (key: string) =>
  JSON.stringify({
    version: '0',
    id: 'x',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    detail: { bucket: { name: 'b' }, object: { key } },
  });
const sns = (message: string) => JSON.stringify({ Type: 'Notification', TopicArn: 'arn', Message: message });

let store: FolderStore;
let queues: Record<'generate' | 'finish' | 'notify' | 'generateLarge', MemoryQueue>;
let stop: AbortController;
let serving: Promise<void>[];

beforeEach(async () => {
  store = await bucket();
  const queue = (name: string) => new MemoryQueue({ name, visibilitySeconds: 2, maxReceives: 20 });
  queues = {
    generate: queue('generate'),
    finish: queue('finish'),
    notify: queue('notify'),
    generateLarge: queue('large'),
  };
  stop = new AbortController();
  serving = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(serving);
});

type Script = (job: Job, options: RunOptions) => Promise<unknown>;

/** Does as the script says; leaves result files unless it hands over. */
class LaneRunner extends ScriptedRunner {
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

function serve(lane: WorkLane, script?: Script, options: Partial<LaneOptions> = {}) {
  const runner = new LaneRunner(script);
  const worker = new LaneWorker({
    lane,
    queues: { generate: queues.generate, finish: queues.finish, notify: queues.notify },
    store,
    runner,
    logger: silentLogger,
    random: (bound) => bound - 7,
    leaseSeconds: 2,
    visibilitySeconds: 2,
    pace: { poll: 1, beat: 0.05 },
    ...options,
  });
  const served = worker.serve(stop.signal);
  serving.push(served);
  return { runner, worker, served };
}

const reaches = (id: string, state: string) =>
  expect.poll(async () => (await statusOf(store, id).catch(() => undefined))?.state, { timeout: 8000 }).toBe(state);

describe('one job announced in every way', () => {
  it('runs once', async () => {
    const key = jobKey('red flower+vase (ü)');
    await store.put(key, bytes({ id: 'flower', prompt: 'a red flower', webhook: 'https://hooks.example/x' }));
    for (const body of [
      s3Event(key),
      eventBridge(key),
      sns(s3Event(key)),
      sns(eventBridge(key)),
      encodeJobTurn({ job: 'flower', key }),
    ]) {
      await queues.generate.send(body);
    }
    const one = serve('generate', undefined, { width: 3 });
    const two = serve('generate', undefined, { width: 2 });
    await reaches('flower', 'succeeded');
    await expect.poll(() => queues.generate.depth()).toBe(0);
    expect(one.runner.jobs.length + two.runner.jobs.length).toBe(1);
    const told = await queues.notify.receive({ max: 10, waitSeconds: 1 });
    expect(told.map(({ body }) => parseMessage(body))).toMatchObject([{ kind: 'turn', turn: { job: 'flower' } }]);
  });

  it('runs once when it lies in the messages themselves', async () => {
    const job = { prompt: 'a chair', seed: 5 };
    for (let copy = 0; copy < 5; copy += 1) await queues.generate.send(JSON.stringify(job));
    await queues.generate.send('{"seed":5,"prompt":"a chair"}');
    const { runner } = serve('generate', undefined, { width: 4 });
    await expect.poll(() => runner.jobs.length).toBe(1);
    await expect.poll(() => queues.generate.depth()).toBe(0);
    expect((await store.list('jobs/')).objects).toHaveLength(1);
    expect(runner.jobs).toHaveLength(1);
  });
});

describe('what is no job', () => {
  it('goes to the dead letters with a reason in the bucket, and blocks nothing', async () => {
    const nonsense = ['hello', '{}', '[1]', '{"Records":[]}', JSON.stringify({ espalier: { job: '../x' } })];
    for (const body of nonsense) await queues.generate.send(body);
    await queues.generate.send(JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent' }));
    await queues.generate.send(s3Event('jobs/readme.txt'));
    await queues.generate.send(s3Event('results/x/model.glb'));
    await queues.generate.send(s3Event('jobs/gone.json'));
    await queues.generate.send(JSON.stringify({ prompt: 'a chair', id: 'chair' }));
    serve('generate');
    await reaches('chair', 'succeeded');
    expect(queues.generate.deadLetters.map(({ body }) => body).sort()).toEqual([...nonsense].sort());
    const reasons = (await store.list(DEAD_LETTERS_PREFIX)).objects;
    expect(reasons).toHaveLength(nonsense.length);
    const record = JSON.parse(new TextDecoder().decode((await store.get(reasons[0]?.key ?? ''))?.body));
    expect(record).toMatchObject({ queue: 'memory:generate', code: expect.any(String), reason: expect.any(String) });
  });

  it('is rejected as a job when it is meant as one', async () => {
    await queues.generate.send(JSON.stringify({ id: 'bad', prompt: 7, webhook: 'https://hooks.example/x' }));
    await queues.generate.send(JSON.stringify({ id: 'taken', prompt: 'a' }));
    await queues.generate.send(JSON.stringify({ id: 'taken', prompt: 'b' }));
    serve('generate');
    await reaches('bad', 'rejected');
    await reaches('taken', 'succeeded');
    await expect
      .poll(() => queues.generate.deadLetters.map(({ reason }) => reason))
      .toEqual([expect.stringMatching(/ID_TAKEN: the id 'taken' stands for another job/)]);
    expect(await queues.notify.depth(), 'the notifier looks whether the rejected one names a webhook').toBe(1);
  });

  it('never ends the worker (property)', async () => {
    const { runner } = serve('generate', undefined, { width: 10 });
    const near = fc.record(
      {
        prompt: fc.oneof(fc.string(), fc.integer(), fc.constant(null)),
        seed: fc.oneof(fc.integer(), fc.double(), fc.string()),
        simplify: fc.double(),
        texture_size: fc.oneof(fc.integer({ min: 0, max: 8192 }), fc.string()),
        id: fc.oneof(fc.string(), fc.constantFrom('a', 'b', '..', 'a/b', '.')),
        input: fc.jsonValue(),
        tags: fc.jsonValue(),
        webhook: fc.webUrl(),
        sampler: fc.jsonValue(),
        deadline_seconds: fc.double(),
      },
      { requiredKeys: [] },
    );
    const good = fc.record({ prompt: fc.string({ minLength: 1 }), seed: fc.nat({ max: 50 }) });
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.oneof(near, good).map((job) => JSON.stringify(job)),
    );
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        await queues.generate.send(text);
        sent += 1;
      }),
      { numRuns: 2000 },
    );
    await expect.poll(() => queues.generate.depth(), { timeout: 50_000 }).toBe(0);
    stop.abort();
    await Promise.all(serving);
    // Each message ended: as a job with a record at its end, or as a dead letter with a reason.
    const jobs = await names('jobs/');
    const records = await names('status/');
    const reasons = await names(DEAD_LETTERS_PREFIX);
    expect(sent).toBe(2000);
    expect(reasons.length).toBe(queues.generate.deadLetters.length);
    expect(records.length).toBeGreaterThanOrEqual(jobs.length);
    for (const key of records) {
      const status = JSON.parse(new TextDecoder().decode((await store.get(key))?.body));
      expect(['succeeded', 'rejected', 'failed'], key).toContain(status.state);
      if (status.state === 'rejected') expect(status.error.message.length).toBeGreaterThan(5);
    }
    expect(runner.jobs.length).toBeGreaterThan(0);
  }, 120_000);
});

async function names(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = await store.list(prefix, { after });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next;
  }
  return keys;
}

describe('lanes', () => {
  it('hand a job on, and take the next one meanwhile', async () => {
    const order: string[] = [];
    let finish: () => void = () => {};
    const finishing = new Promise<void>((resolve) => {
      finish = resolve;
    });
    serve('generate', async (job) => {
      order.push(`generate ${job.id}`);
      return { handOver: 'finish' };
    });
    serve('finish', async (job) => {
      order.push(`finish ${job.id}`);
      if (job.id === 'a') await finishing;
    });
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    await expect.poll(() => order).toContain('finish a');
    await queues.generate.send(JSON.stringify({ id: 'b', prompt: 'b' }));
    await expect.poll(() => order).toContain('generate b');
    expect(order).not.toContain('finish b');
    finish();
    await reaches('b', 'succeeded');
    const status = await statusOf(store, 'a');
    expect(status.events.map(({ state, note }) => note ?? state)).toEqual([
      'queued',
      'running',
      'handed to the finish lane',
      'running',
      'succeeded',
    ]);
    expect(status.attempt).toBe(2);
  });

  it('give back what needs the other one', async () => {
    let known = false;
    serve('finish', async () => (known ? undefined : { handOver: 'generate' }));
    const { runner } = serve('generate', async () => {
      known = true;
      return { handOver: 'finish' };
    });
    await store.put(jobKey('a'), bytes({ prompt: 'a' }));
    await queues.finish.send(encodeJobTurn({ job: 'a' }));
    await reaches('a', 'succeeded');
    expect(runner.jobs).toHaveLength(1);
  });

  it('hold no more messages than they work on', async () => {
    for (let i = 0; i < 30; i += 1) await queues.generate.send(JSON.stringify({ id: `j${i}`, prompt: 'x' }));
    const held: number[] = [];
    const { worker } = serve(
      'generate',
      async () => {
        held.push(30 - (await queues.generate.depth()));
        await new Promise((resolve) => setTimeout(resolve, 20));
      },
      { width: 3 },
    );
    await reaches('j29', 'succeeded');
    for (const [index, taken] of held.entries()) expect(taken).toBeLessThanOrEqual(index + 3);
    expect(worker.active).toBeLessThanOrEqual(3);
  });
});

describe('a worker that goes', () => {
  it('hands its job back at once when told, and another one takes it', async () => {
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    const told = new AbortController();
    const first = new LaneRunner(async (_job, { signal, onEvent }) => {
      onEvent(started('structure', 10));
      await untilAborted(signal);
    });
    const base = {
      lane: 'generate' as const,
      queues,
      store,
      logger: silentLogger,
      random: (bound: number) => bound - 7,
    };
    const leaving = new LaneWorker({ ...base, runner: first, leaseSeconds: 600, visibilitySeconds: 600 }).serve(
      told.signal,
    );
    await expect.poll(async () => (await statusOf(store, 'a').catch(() => undefined))?.state).toBe('running');
    const began = Date.now();
    told.abort();
    await leaving;
    expect(Date.now() - began, 'long before the lease or the visibility timeout ended').toBeLessThan(5000);
    expect(await queues.generate.depth()).toBe(1);
    serve('generate');
    await reaches('a', 'succeeded');
    expect((await statusOf(store, 'a')).crashes).toBe(0);
  });

  it('without a word is followed by another one when its lease ends', async () => {
    await store.put(jobKey('a'), bytes({ prompt: 'a', seed: 1 }));
    const now = Date.now();
    const lost = {
      id: 'a',
      state: 'running',
      source: jobKey('a'),
      job_etag: (await store.head(jobKey('a')))?.etag,
      attempt: 1,
      crashes: 0,
      worker: 'another-machine-1-x',
      lease_until: new Date(now + 1500).toISOString(),
      submitted_at: new Date(now).toISOString(),
      updated_at: new Date(now).toISOString(),
      events: [],
    };
    await store.put(statusKey('a'), bytes(lost));
    // Its message comes back, for the second time, before the lease ends.
    await queues.generate.send(encodeJobTurn({ job: 'a' }));
    const [first] = await queues.generate.receive({ max: 1, waitSeconds: 0 });
    await first?.extend(0);
    let steals = 0;
    serve('generate', undefined, { hooks: { onSteal: () => (steals += 1) } });
    await reaches('a', 'succeeded');
    expect(await statusOf(store, 'a')).toMatchObject({ crashes: 1, attempt: 2 });
    expect(steals).toBe(1);
  });
});

describe('a job that runs out of memory', () => {
  const outOfMemory: Script = async () => {
    throw new RetryableError('GPU out of memory. Try a simpler prompt or lower texture_size.', {
      code: 'OUT_OF_MEMORY',
    });
  };

  it('fails where there is no bigger machine', async () => {
    serve('generate', outOfMemory);
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    await reaches('a', 'failed');
    expect((await statusOf(store, 'a')).error?.message).toMatch(/^GPU out of memory/);
  });

  it('is tried on a bigger machine where there is one, and fails there for good', async () => {
    serve('generate', outOfMemory, { queues });
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    await expect.poll(() => queues.generateLarge.depth()).toBe(1);
    serve('generate', undefined, { queues, source: queues.generateLarge });
    await reaches('a', 'succeeded');
    stop.abort();
    await Promise.all(serving);
    stop = new AbortController();
    serve('generate', outOfMemory, { queues, source: queues.generateLarge });
    await queues.generateLarge.send(JSON.stringify({ id: 'b', prompt: 'b' }));
    await reaches('b', 'failed');
  });
});

describe('a store that fails', () => {
  it('costs a wait, not the job nor the worker', async () => {
    let failures = 4;
    const flaky = new Proxy(store, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (name === 'put' && failures > 0) {
          failures -= 1;
          return () => Promise.reject(new RetryableError('full', { code: 'STORE_FULL' }));
        }
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    queues.generate = new MemoryQueue({ visibilitySeconds: 1, maxReceives: 50 });
    // Waiting is the queue's; this one forgets how long.
    const impatient = new Proxy(queues.generate, {
      get(target, name) {
        const value = Reflect.get(target, name);
        if (name !== 'receive') return typeof value === 'function' ? value.bind(target) : value;
        return async (options: Parameters<MemoryQueue['receive']>[0]) =>
          (await target.receive(options)).map((message) => ({
            ...message,
            extend: (seconds: number) => message.extend(Math.min(seconds, 0.05)),
          }));
      },
    });
    serve('generate', undefined, { store: flaky, source: impatient });
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    await reaches('a', 'succeeded');
    expect(failures).toBe(0);
  });
});

describe('cancelling', () => {
  it('takes effect in the middle of a job and is final', async () => {
    serve('generate', async (_job, { signal, onEvent }) => {
      onEvent(started('structure', 100));
      await untilAborted(signal);
    });
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a', webhook: 'https://hooks.example/x' }));
    await reaches('a', 'running');
    await store.put(cancelKey('a'), bytes(''));
    await reaches('a', 'cancelled');
    await expect.poll(() => queues.notify.depth()).toBe(1);
    await queues.generate.send(encodeJobTurn({ job: 'a' }));
    await expect.poll(() => queues.generate.depth()).toBe(0);
    expect((await statusOf(store, 'a')).state).toBe('cancelled');
    expect(await store.get(resultKey('a', 'stats.json'))).toBeUndefined();
  });
});

describe('the sweep', () => {
  const sweep = (options: { readonly now?: () => number; readonly everySeconds?: number } = {}) =>
    new Sweep({
      store,
      queues: [queues.generate, queues.finish],
      clock: { now: options.now ?? (() => Date.now() + 600_000) },
      logger: silentLogger,
      ...(options.everySeconds !== undefined && { everySeconds: options.everySeconds }),
    });

  it('announces what no message speaks of, and nothing else', async () => {
    await queues.generate.send(JSON.stringify({ id: 'done', prompt: 'a' }));
    serve('generate');
    await reaches('done', 'succeeded');
    stop.abort();
    await Promise.all(serving);
    await store.put(jobKey('lost'), bytes({ prompt: 'b' }));
    expect(await sweep().once()).toBe(1);
    const [message] = await queues.generate.receive({ max: 10, waitSeconds: 0 });
    expect(parseMessage(message?.body ?? '')).toEqual({ kind: 'turn', turn: { job: 'lost', key: jobKey('lost') } });
  });

  it('is done by one worker at a time, and by none while something waits', async () => {
    await store.put(jobKey('lost'), bytes({ prompt: 'b' }));
    const found = await Promise.all([sweep(), sweep(), sweep()].map((one) => one.once()));
    expect(found.filter((count) => count !== undefined)).toEqual([1]);
    expect(await sweep({ now: () => Date.now() + 3_600_000 }).once(), 'the queue is not empty').toBeUndefined();
  });

  it('takes up again what a dead worker left, and what was submitted again', async () => {
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    serve('generate');
    await reaches('a', 'succeeded');
    stop.abort();
    await Promise.all(serving);
    const old = await statusOf(store, 'a');
    const later = { now: () => Date.now() + 600_000 };
    await store.put(
      statusKey('a'),
      bytes({ ...old, state: 'running', worker: 'w', lease_until: new Date().toISOString() }),
    );
    expect(await sweep({ ...later, everySeconds: 0 }).once()).toBe(1);
    for (const message of await queues.generate.receive({ max: 10, waitSeconds: 0 })) await message.delete();
    await store.put(statusKey('a'), bytes(old));
    expect(await sweep({ ...later, everySeconds: 0 }).once()).toBe(0);
    await store.put(jobKey('a'), bytes({ prompt: 'another' }));
    expect(await sweep({ ...later, everySeconds: 0 }).once()).toBe(1);
  });
});
