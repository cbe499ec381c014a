/**
 * One bucket, served through RunPod: real S3 and SQS protocols, RunPod's API over HTTP with faults, RunPod's worker as
 * it claims jobs of the bucket's, and the finish lane of an ordinary worker.
 */
import { randomUUID } from 'node:crypto';
import { silentLogger } from '@espalier/contracts';
import { runLane } from '@espalier/pipeline';
import { openSqsQueue } from '@espalier/queue';
import { bucketJobRunner, turnOf } from '@espalier/runpod';
import { jobKey, type ObjectStore, openS3Store, readStatus, resultKey } from '@espalier/storage';
import { type SideServer, serveLanes } from '@espalier/worker';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { LIGHT_RUNTIME, lightGraph } from '../../worker/test/chaos/light-graph.ts';
import { Dispatcher, Endpoint, serveWebhooks, webhookPath } from '../src/index.ts';
import { API_KEY, ENDPOINT, FakeEndpoint, type RunFault } from './fake-endpoint.ts';

const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
const graph = lightGraph({ steps: 3, stepMs: 5, saveEvery: 2 });
type Queue = Awaited<ReturnType<typeof openSqsQueue>>;

let store: ObjectStore;
let generate: Queue;
let finish: Queue;
let deadLetters: Queue;
let runpod: FakeEndpoint;
let hooks: SideServer;
let dispatchers: { readonly dispatcher: Dispatcher; readonly stop: AbortController; readonly ended: Promise<void> }[];
let lanes: { readonly stop: AbortController; readonly ended: Promise<void> }[];

beforeEach(async () => {
  const endpoint = inject('awsEndpoint');
  const admin = awsAdmin(endpoint);
  const name = `dispatch-${randomUUID().slice(0, 8)}`;
  const dead = await admin.createQueue(`${name}-dead`);
  const made = await admin.createQueue(`${name}-generate`, { deadLetters: dead.arn, maxReceiveCount: 20 });
  const finishMade = await admin.createQueue(`${name}-finish`);
  await admin.createBucket(name);
  await admin.notify(name, { queue: made.arn }, 'jobs/');
  const open = (url: string) => openSqsQueue(url, { endpoint, client, visibilitySeconds: 10 });
  store = await openS3Store(`s3://${name}`, { endpoint, client });
  generate = await open(made.url);
  finish = await open(finishMade.url);
  deadLetters = await open(dead.url);
  const work = bucketJobRunner({
    store,
    leaseSeconds: 5,
    pace: { beat: 0.5, grace: 1 },
    runner: {
      run: async (job, { signal, onEvent, logger }) => {
        const result = await runLane('generate', job, {
          store,
          runtime: LIGHT_RUNTIME,
          graph,
          signal,
          logger,
          onProgress: onEvent,
        });
        return 'handOver' in result ? result : result.stats;
      },
    },
  });
  runpod = new FakeEndpoint(async (input, signal) => {
    const turn = turnOf(input);
    if (turn === undefined) throw new Error('a job of the bucket was expected');
    return work(turn, { signal, onEvent: () => {}, logger: silentLogger });
  });
  await runpod.start();
  hooks = await serveWebhooks({
    path: webhookPath(API_KEY),
    port: 0,
    host: '127.0.0.1',
    onJob: (id) => {
      for (const { dispatcher } of dispatchers) dispatcher.poke(id);
    },
  });
  dispatchers = [];
  lanes = [];
});
afterEach(async () => {
  for (const { stop } of [...dispatchers, ...lanes]) stop.abort();
  await Promise.all([...dispatchers, ...lanes].map(({ ended }) => ended));
  await hooks.close();
  await runpod.stop();
  expect(runpod.violations).toEqual([]);
});

/** @param options.lost long by default: on a busy machine a worker is slow to claim, and is not lost for that */
function dispatch(options: { inFlight?: number; follow?: number; lost?: number; webhook?: boolean } = {}) {
  const { inFlight = 4, follow = 0.2, lost = 60, webhook = true } = options;
  const endpoint = new Endpoint({
    url: runpod.url,
    endpointId: ENDPOINT,
    apiKey: API_KEY,
    timeoutSeconds: 600,
    ...(webhook && { webhook: `http://127.0.0.1:${hooks.port}${webhookPath(API_KEY)}` }),
  });
  const dispatcher = new Dispatcher({
    store,
    queues: { generate, finish },
    endpoint,
    logger: silentLogger,
    inFlight,
    visibilitySeconds: 10,
    pace: { poll: 1, follow, lost, retry: 0.05, retryMost: 0.2 },
  });
  const stop = new AbortController();
  const started = { dispatcher, stop, ended: dispatcher.serve(stop.signal) };
  dispatchers.push(started);
  return started;
}

/**
 * A machine of one's own beside RunPod.
 *
 * @param seen jobs of the generate lane that it worked on
 * @param gate it works on none of them before
 */
function machine(names: ('generate' | 'finish')[], seen: string[] = [], gate = Promise.resolve()): void {
  const stop = new AbortController();
  const ended = serveLanes(
    {
      lanes: names,
      store,
      queues: { generate, finish },
      logger: silentLogger,
      random: () => 1,
      leaseSeconds: 5,
      sweepSeconds: 0,
      pace: { poll: 1 },
      width: { generate: 1, finish: 4 },
      runnerFor: (lane) => ({
        run: async (job, { signal, onEvent, logger }) => {
          if (lane === 'generate') {
            seen.push(job.id);
            await gate;
          }
          const deps = { store, runtime: LIGHT_RUNTIME, graph, signal, logger, onProgress: onEvent };
          const result = await runLane(lane, job, deps);
          return 'handOver' in result ? result : result.stats;
        },
      }),
    },
    stop.signal,
  );
  lanes.push({ stop, ended });
}

const submit = (id: string, job: object = { prompt: id, seed: 1 }) =>
  store.put(jobKey(id), new TextEncoder().encode(JSON.stringify(job)));
const read = async (key: string) => JSON.parse(new TextDecoder().decode((await store.get(key))?.body));
const stateOf = async (id: string) => (await readStatus(store, id))?.status.state;

async function expectAll(ids: readonly string[], state: string): Promise<void> {
  await expect
    .poll(async () => (await Promise.all(ids.map(stateOf))).filter((each) => each !== state), {
      timeout: 60_000,
      interval: 400,
    })
    .toEqual([]);
}

/** Nothing waits, nothing is hidden, nothing was given up, and nobody keeps a note of a job that is over. */
async function expectNothingLeft(): Promise<void> {
  await expect.poll(() => dispatchers.reduce((sum, { dispatcher }) => sum + dispatcher.active, 0)).toBe(0);
  // A finish lane may still be taking what tells it of a job that is over.
  await expect.poll(() => Promise.all([generate.depth(), finish.depth()])).toEqual([0, 0]);
  expect(await deadLetters.depth()).toBe(0);
  expect((await store.list('dispatch/')).objects).toEqual([]);
}

describe('a dispatcher', () => {
  it('brings every job to its end under its own id, with no more at RunPod than it may have', async () => {
    machine(['finish']);
    dispatch({ inFlight: 3 });
    const ids = Array.from({ length: 9 }, (_unused, index) => `job-${index}`);
    for (const id of ids) await submit(id);
    await expectAll(ids, 'succeeded');
    // What the light stages make follows from the prompt: nine jobs, nine different files.
    const files = await Promise.all(ids.map(async (id) => (await store.get(resultKey(id, 'model.glb')))?.body));
    expect(new Set(files.map((file) => Buffer.from(file ?? []).toString('hex'))).size).toBe(9);
    expect(files.map((file) => file?.length)).toEqual(ids.map(() => 32));
    expect(runpod.peak).toBeLessThanOrEqual(3);
    expect(runpod.taken).toHaveLength(9);
    expect(runpod.taken[0]).toMatchObject({ espalier: { key: expect.stringMatching(/^jobs\/job-\d\.json$/) } });
    await expectNothingLeft();
  });

  it('loses none when RunPod fails, refuses, forgets, dies and loses its answers', async () => {
    machine(['finish']);
    const faults: RunFault[][] = [
      [500, 'forgets'],
      [429, 'silent'],
      ['lost'],
      [502],
      ['forgets'],
      ['silent'],
      ['lost'],
      [],
    ];
    const ids = faults.map((_unused, index) => `job-${index}`);
    for (const [index, own] of faults.entries()) runpod.runFaults.set(`job-${index}`, own);
    runpod.statusFaults.push(500, 429, 502, 500);
    dispatch({ lost: 2 });
    for (const id of ids) await submit(id);
    await expectAll(ids, 'succeeded');
    expect([...runpod.runFaults.values()].flat()).toEqual([]);
    // Two forgotten, two silent and two whose answers were lost came twice.
    expect(runpod.taken.length).toBeGreaterThanOrEqual(8 + 6);
    expect(runpod.cancelled.length).toBeGreaterThanOrEqual(2);
    // However often it was sent, each job was worked on once at a time and never failed.
    for (const id of ids) expect((await readStatus(store, id))?.status.crashes).toBe(0);
    await expectNothingLeft();
  });

  it('goes on asking for what another one sent, instead of sending it twice', async () => {
    machine(['finish']);
    runpod.paused = true;
    const first = dispatch();
    await submit('chest');
    await expect.poll(() => runpod.open).toBe(1);
    await expect.poll(async () => (await store.list('dispatch/')).objects.length).toBe(1);
    first.stop.abort();
    await first.ended;
    // Handed back at once, not after its visibility.
    expect(await generate.depth()).toBe(1);
    dispatch();
    await expect.poll(() => generate.depth()).toBe(0);
    runpod.resume();
    await expectAll(['chest'], 'succeeded');
    expect(runpod.taken).toHaveLength(1);
    await expectNothingLeft();
  });

  it('sends again what RunPod forgot while nobody asked', async () => {
    machine(['finish']);
    runpod.paused = true;
    dispatch();
    await submit('chest');
    await expect.poll(() => runpod.open).toBe(1);
    runpod.forgetEverything();
    runpod.resume();
    await expectAll(['chest'], 'succeeded');
    expect(runpod.taken).toHaveLength(2);
    await expectNothingLeft();
  });

  it('hears of an end by webhook before it would have asked', async () => {
    machine(['finish']);
    dispatch({ follow: 600 });
    await submit('chest');
    await expectAll(['chest'], 'succeeded');
    await expectNothingLeft();
  });

  it('shares a bucket with machines that take messages themselves', async () => {
    const own: string[] = [];
    let open = () => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    machine(['generate', 'finish'], own, gate);
    runpod.paused = true;
    dispatch({ inFlight: 2 });
    const ids = Array.from({ length: 16 }, (_unused, index) => `job-${index}`);
    for (const id of ids) await submit(id);
    // Neither goes on before both have some.
    await expect.poll(() => Math.min(own.length, runpod.open)).toBeGreaterThan(0);
    open();
    runpod.resume();
    await expectAll(ids, 'succeeded');
    expect(own.length + runpod.taken.length).toBe(16);
    await expectNothingLeft();
  });

  it('refuses what is no job without waking a GPU, and buries what is no message', async () => {
    machine(['finish']);
    dispatch();
    await submit('empty', { prompt: '' });
    await generate.send('who are you?');
    await expectAll(['empty'], 'rejected');
    expect(await read('rejected/empty.json')).toMatchObject({ error: { field: 'prompt' } });
    await expect.poll(() => deadLetters.depth()).toBe(1);
    expect(runpod.taken).toEqual([]);
    expect((await store.list('dead-letters/')).objects).toHaveLength(1);
  });

  it('takes a job that comes in the message itself', async () => {
    machine(['finish']);
    dispatch();
    await generate.send(JSON.stringify({ id: 'inline', prompt: 'a chest', seed: 3 }));
    await expectAll(['inline'], 'succeeded');
    await expectNothingLeft();
  });
});

describe('the webhook server', () => {
  it('answers strangers with 404 and believes nothing', async () => {
    const base = `http://127.0.0.1:${hooks.port}`;
    expect((await fetch(`${base}/runpod/guess`, { method: 'POST', body: '{"id":"x"}' })).status).toBe(404);
    const ours = `${base}${webhookPath(API_KEY)}`;
    expect((await fetch(ours, { method: 'POST', body: 'no json' })).status).toBe(400);
    expect((await fetch(ours, { method: 'POST', body: '{"id":"unknown","status":"COMPLETED"}' })).status).toBe(200);
  });
});
