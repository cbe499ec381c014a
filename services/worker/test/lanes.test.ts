import { RetryableError, silentLogger } from '@espalier/contracts';
import { encodeJobTurn, MemoryQueue } from '@espalier/queue';
import { cancelKey, jobKey, resultKey, statusKey } from '@espalier/storage';
import { describe, expect, it } from 'vitest';
import { LaneWorker } from '../src/index.ts';
import { started, statusOf, untilAborted } from './helpers.ts';
import { bytes, LaneRunner, queues, reaches, type Script, serve, stopServing, store } from './lane-helpers.ts';

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
    told.abort();
    // Neither the lease nor the visibility timeout ends while this test may run.
    await leaving;
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
    const { attempt, crashes, events } = await statusOf(store, 'a');
    expect({ attempt, crashes }).toEqual({ attempt: 2, crashes: 0 });
    expect(events.map(({ note }) => note)).toContain('its worker died before it told anything: taken over');
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
    await stopServing();
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
