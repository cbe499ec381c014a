import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { OUT_OF_MEMORY_MESSAGE, RetryableError, silentLogger } from '@espalier/contracts';
import { FolderStore } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  OUTBOX_PREFIX,
  Platform,
  parseRunpodEnvironment,
  ServerlessWorker,
  type ServerlessWorkerOptions,
} from '../src/index.ts';
import { startPing } from '../src/ping.ts';
import { FakeRunpod } from './fake-runpod.ts';
import { GatedRunner } from './gated-runner.ts';

let runpod: FakeRunpod;
let store: FolderStore;
let folder: string;
let runner: GatedRunner;
let stopping: AbortController;
let serving: Promise<void> | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-runpod-'));
  store = await FolderStore.open(folder);
  runpod = new FakeRunpod();
  await runpod.start();
  runner = new GatedRunner(store);
  stopping = new AbortController();
});
afterEach(async () => {
  stopping.abort();
  await serving;
  serving = undefined;
  await runpod.stop();
  await rm(folder, { recursive: true, force: true });
  expect(runpod.violations).toEqual([]);
});

/** Waits are kept short: how long they are is not what is tested. */
const quick: NonNullable<ServerlessWorkerOptions['sleep']> = (milliseconds, signal) =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, Math.min(milliseconds, 30));
    signal.addEventListener('abort', end);
  });

function start(options: Partial<ServerlessWorkerOptions> = {}): void {
  const platform = new Platform({ environment: parseRunpodEnvironment(runpod.environment) });
  const worker = new ServerlessWorker({
    platform,
    store,
    run: runner.run,
    logger: silentLogger,
    sleep: quick,
    progressPause: 0,
    ...options,
  });
  serving = worker.serve(stopping.signal);
}

const result = async (id: string) => {
  await expect.poll(() => runpod.resultOf(id), { timeout: 20_000 }).toBeDefined();
  return runpod.resultOf(id)?.body;
};
const box = { prompt: 'A small wooden box', seed: 7 };

describe('a job', () => {
  it('is taken, its progress told, and answered in the published shape', async () => {
    start();
    runpod.submit('job-1-e2', box);
    expect(await result('job-1-e2')).toEqual({
      output: {
        glb_base64: Buffer.from(runner.glb).toString('base64'),
        vertex_count: 24,
        face_count: 12,
        glb_size_bytes: runner.glb.byteLength,
        generation_time_seconds: 1.5,
        seed_used: 7,
      },
    });
    expect(runpod.progress[0]?.body).toEqual({
      status: 'IN_PROGRESS',
      output: { stage: 'structure', step: 0, steps: 2 },
    });
    // Taken out once RunPod's answer has come back, which is after RunPod has the result.
    await expect.poll(async () => (await store.list(OUTBOX_PREFIX)).objects).toEqual([]);
  });

  it.each([
    [{}, "Missing required 'prompt' parameter"],
    [undefined, "Missing required 'prompt' parameter"],
    [{ prompt: 3 }, "'prompt' must be a string"],
    [{ prompt: 'box', seed: 1.5 }, "'seed' must be an integer"],
    [{ prompt: 'box', simplify: 2 }, "'simplify' must be between 0.0 and 1.0"],
    [{ prompt: 'box', texture_size: 8000 }, "'texture_size' must be between 128 and 4096"],
  ])('with the input %j is refused before any model is touched', async (input, error) => {
    start();
    runpod.submit('bad', input);
    expect(await result('bad')).toEqual({ error });
    expect(runner.started).toEqual([]);
  });

  it('that runs out of memory says so and asks for a fresh worker', async () => {
    runner.fault = new RetryableError(OUT_OF_MEMORY_MESSAGE, { code: 'OUT_OF_MEMORY' });
    start();
    runpod.submit('big', box);
    expect(await result('big')).toEqual({ error: OUT_OF_MEMORY_MESSAGE, stopPod: true });
    await serving; // ends by itself
  });

  it('without a seed gets the same one whenever it is handed out', async () => {
    start();
    runpod.submit('a', { prompt: 'box' });
    const first = (await result('a')).output.seed_used;
    runpod.done.length = 0;
    runpod.submit('a', { prompt: 'box' });
    expect((await result('a')).output.seed_used).toBe(first);
    runpod.submit('b', { prompt: 'box' });
    expect((await result('b')).output.seed_used).not.toBe(first);
  });

  it('handed out twice while it runs, runs once', async () => {
    runner.open = false;
    start({ concurrency: () => 2 });
    runpod.submit('twin', box);
    await expect.poll(() => runner.started).toEqual(['twin']);
    runpod.submit('twin', box);
    await expect.poll(() => runpod.handedOut.size > 0 && runpod.takes.length).toBeGreaterThan(2);
    runner.release('twin');
    await result('twin');
    expect(runner.started).toEqual(['twin']);
  });
});

describe('taking', () => {
  it('asks for as many as there is room for, in one batch', async () => {
    for (const id of ['a', 'b', 'c']) runpod.submit(id, box);
    start({ concurrency: () => 3 });
    await Promise.all(['a', 'b', 'c'].map(result));
    expect(runpod.takes[0]).toBe('/v2/ep/job-take-batch/pod-1?gpu=NVIDIA+H100&batch_size=3&job_in_progress=0');
  });

  it('never holds more than it may, whatever the modifier says next', async () => {
    runner.open = false;
    let allowed = 2;
    start({ concurrency: () => allowed });
    for (const id of ['a', 'b', 'c', 'd']) runpod.submit(id, box);
    await expect.poll(() => runner.started.length).toBe(2);
    allowed = 1;
    runner.release('a');
    await result('a');
    expect(runner.started).toHaveLength(2);
    for (const id of ['b', 'c', 'd']) {
      runner.release(id);
      await result(id);
    }
    expect(runpod.takes.at(-1)).toContain('/job-take/');
  });

  it('goes on after 204, 400, 429, 500, broken answers and dropped connections', async () => {
    runpod.faults.take.push(
      204,
      400,
      429,
      500,
      502,
      'hang-up',
      { text: 'no', type: 'text/html' },
      { text: '{', type: 'application/json' },
      { text: '{"input":{}}', type: 'application/json' },
    );
    start();
    runpod.submit('after', box);
    expect((await result('after')).output.face_count).toBe(12);
    expect(runpod.faults.take).toEqual([]);
  });
});

describe('a result', () => {
  it('is handed over after far more than three refusals', async () => {
    runpod.faults.done.push(500, 502, 503, 429, 'hang-up', 500, 500, 504, 401);
    start();
    runpod.submit('stubborn', box);
    expect((await result('stubborn')).output.seed_used).toBe(7);
    expect(runpod.faults.done).toEqual([]);
  });

  it('whose taking was not confirmed is handed over again, the same', async () => {
    runpod.faults.done.push('lost');
    start();
    runpod.submit('twice', box);
    await expect.poll(() => runpod.done.length, { timeout: 20_000 }).toBe(2);
    expect(runpod.done[1]?.body).toEqual(runpod.done[0]?.body);
  });

  it('survives a restart of the worker while RunPod is away', async () => {
    runpod.faults.done.push(...Array<number>(1000).fill(500));
    start({ drainSeconds: 0.05 });
    runpod.submit('patient', box);
    await expect.poll(async () => (await store.list(OUTBOX_PREFIX)).objects.length, { timeout: 20_000 }).toBe(1);
    stopping.abort();
    await serving;
    expect(runpod.done).toEqual([]);
    runpod.faults.done.length = 0;
    stopping = new AbortController();
    start();
    expect((await result('patient')).output.glb_base64).toBe(Buffer.from(runner.glb).toString('base64'));
    expect(runner.started).toEqual(['patient']);
    await expect.poll(async () => (await store.list(OUTBOX_PREFIX)).objects.length).toBe(0);
  });

  it('that is too big comes as a link, and the file stays in the store', async () => {
    start({ inlineBytes: 1000 });
    runner.glb = new Uint8Array(5000);
    runpod.submit('large', box);
    const { output } = await result('large');
    expect(output.glb_base64).toBeUndefined();
    expect(output).toMatchObject({ glb_url: expect.stringContaining('results/large/model.glb'), glb_size_bytes: 5000 });
    expect((await store.head('results/large/model.glb'))?.size).toBe(5000);
  });

  it('gets a signed link with its end where the store can sign', async () => {
    const signing = Object.assign(Object.create(store), {
      signLink: async (key: string, seconds: number) => `https://bucket.example/${key}?X-Amz-Expires=${seconds}`,
      get: store.get.bind(store),
      put: store.put.bind(store),
      head: store.head.bind(store),
      list: store.list.bind(store),
      delete: store.delete.bind(store),
    });
    start({ store: signing, inlineBytes: 1000, linkSeconds: 600, clock: { now: () => Date.UTC(2026, 0, 1) } });
    runner.glb = new Uint8Array(5000);
    runpod.submit('large', box);
    expect((await result('large')).output).toMatchObject({
      glb_url: 'https://bucket.example/results/large/model.glb?X-Amz-Expires=600',
      glb_url_expires_at: '2026-01-01T00:10:00.000Z',
    });
  });

  it('that RunPod refuses for its size is sent again as a link', async () => {
    runpod.limit = 4000;
    runner.glb = new Uint8Array(6000);
    start();
    runpod.submit('refused', box);
    expect((await result('refused')).output.glb_url).toContain('results/refused/model.glb');
  });
});

describe('stopping a job', () => {
  it('ends it in the middle, posts nothing, and leaves the others alone', async () => {
    runner.open = false;
    start({ concurrency: () => 2 });
    runpod.submit('doomed', box);
    runpod.submit('lucky', box);
    await expect.poll(() => runner.started.length).toBe(2);
    runpod.stopJob('doomed');
    await expect.poll(() => runner.stopped.map(({ id }) => id)).toEqual(['doomed']);
    runner.release('lucky');
    await result('lucky');
    expect(runpod.resultOf('doomed')).toBeUndefined();
    await expect.poll(async () => (await store.list(OUTBOX_PREFIX)).objects).toEqual([]);
  });

  it('works after faults of the stop channel', async () => {
    runpod.faults.stop.push(500, 429, { text: '[]', type: 'application/json' }, 'hang-up');
    runner.open = false;
    start();
    runpod.submit('doomed', box);
    await expect.poll(() => runner.started).toEqual(['doomed']);
    runpod.stopJob('doomed');
    await expect.poll(() => runner.stopped.length, { timeout: 20_000 }).toBe(1);
  });
});

describe('the end of the worker', () => {
  it('takes nothing new and finishes what is in progress', async () => {
    runner.open = false;
    start({ drainSeconds: 30 });
    runpod.submit('last', box);
    await expect.poll(() => runner.started).toEqual(['last']);
    stopping.abort();
    runpod.submit('never', box);
    runner.release('last');
    await serving;
    expect(runpod.resultOf('last')?.body.output.face_count).toBe(12);
    expect(runpod.handedOut.has('never')).toBe(false);
  });

  it('saves what cannot be finished in time, posts nothing, and goes', async () => {
    runner.open = false;
    start({ drainSeconds: 0.05 });
    runpod.submit('long', box);
    await expect.poll(() => runner.started).toEqual(['long']);
    stopping.abort();
    await serving;
    expect(runner.stopped.map(({ id }) => id)).toEqual(['long']);
    expect(runpod.done).toEqual([]);
  });

  it('comes after each job when a fresh worker is wanted', async () => {
    start({ refreshWorker: true });
    runpod.submit('one', box);
    expect((await result('one')).stopPod).toBe(true);
    await serving;
  });
});

describe('the ping', () => {
  it('names the jobs in progress', async () => {
    runner.open = false;
    start();
    runpod.submit('busy', box);
    await expect.poll(() => runpod.pings.at(-1)?.jobs, { timeout: 20_000 }).toEqual(['busy']);
    runner.release('busy');
    await result('busy');
    await expect.poll(() => runpod.pings.at(-1)?.jobs, { timeout: 20_000 }).toEqual([]);
  });

  it('goes on while the main thread is blocked', async () => {
    // Its receiver lives on a thread too, and counts into shared memory: the main thread sees nothing until after.
    const counts = new Int32Array(new SharedArrayBuffer(8));
    const receiver = new Worker(
      `const { workerData: counts } = require('node:worker_threads');
       require('node:http').createServer((_request, response) => { Atomics.add(counts, 0, 1); response.end(); })
         .listen(0, '127.0.0.1', function () { Atomics.store(counts, 1, this.address().port); Atomics.notify(counts, 1); });`,
      { eval: true, workerData: counts, execArgv: [] },
    );
    await expect.poll(() => counts[1]).toBeGreaterThan(0);
    const environment = parseRunpodEnvironment({
      ...runpod.environment,
      RUNPOD_WEBHOOK_PING: `http://127.0.0.1:${counts[1]}/ping`,
    });
    const ping = startPing(environment, silentLogger);
    await expect.poll(() => counts[0], { timeout: 20_000 }).toBeGreaterThan(0);
    const before = Atomics.load(counts, 0);
    // Blocked, not waiting: no event of this thread's own is handled meanwhile.
    const blocked = new Int32Array(new SharedArrayBuffer(4));
    for (let turn = 0; turn < 300 && Atomics.load(counts, 0) < before + 2; turn += 1) Atomics.wait(blocked, 0, 0, 100);
    const after = Atomics.load(counts, 0);
    await ping.stop();
    await receiver.terminate();
    expect(after - before).toBeGreaterThanOrEqual(2);
  });

  it('tries again after faults', async () => {
    runpod.faults.ping.push(500, 429);
    start();
    await expect.poll(() => runpod.pings.length, { timeout: 20_000 }).toBeGreaterThanOrEqual(3);
  });
});
