/**
 * Death at random. Workers are killed without warning, every second or so, until all jobs are done: each result is
 * there once, byte for byte what an undisturbed run makes, and no more is computed twice than lay unsaved.
 */
import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type JobStatus, JobStatusSchema } from '@espalier/contracts';
import { runJob } from '@espalier/pipeline';
import { openSqsQueue } from '@espalier/queue';
import { jobKey, type ObjectStore, openS3Store, resultKey, STATUS_PREFIX } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../../.ci/aws/admin.ts';
import { type Fault, type FaultyProxy, s3Fault, sqsFault, startFaultyProxy } from '../../../../.ci/aws/faulty-proxy.ts';
import { bucket } from '../helpers.ts';
import { Fleet } from './fleet.ts';
import { LIGHT_RUNTIME, lightGraph } from './light-graph.ts';
import type { ChaosOptions } from './process.ts';

const endpoint = inject('awsEndpoint');
const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
const LIGHT = { steps: 20, stepMs: 25, saveEvery: 4 };

let store: ObjectStore;
let options: ChaosOptions;
let fleet: Fleet;

beforeEach(async () => {
  const name = `chaos-${randomUUID().slice(0, 8)}`;
  const admin = awsAdmin(endpoint);
  const dead = await admin.createQueue(`${name}-dead`);
  const redrive = { deadLetters: dead.arn, maxReceiveCount: 100 };
  const generate = await admin.createQueue(`${name}-generate`, redrive);
  const finish = await admin.createQueue(`${name}-finish`, redrive);
  await admin.createBucket(name);
  await admin.notify(name, { queue: generate.arn }, 'jobs/');
  store = await openS3Store(`s3://${name}`, { endpoint, client });
  options = {
    endpoint,
    store: `s3://${name}`,
    generate: generate.url,
    finish: finish.url,
    leaseSeconds: 3,
    sweepSeconds: 10,
    width: 2,
    light: LIGHT,
  };
  fleet = new Fleet(options);
});
afterEach(() => fleet.end());

const jobBody = (index: number) => ({ prompt: `job ${index}`, seed: index });

async function submit(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, (_unused, index) => `job-${index}`);
  for (const [index, id] of ids.entries()) {
    await store.put(jobKey(id), new TextEncoder().encode(JSON.stringify(jobBody(index))));
  }
  return ids;
}

/** What each job gives when nobody disturbs it. */
async function undisturbed(count: number): Promise<Buffer[]> {
  const quiet = await bucket();
  const results: Buffer[] = [];
  for (let index = 0; index < count; index += 1) {
    const { prompt, seed } = jobBody(index);
    const job = {
      id: `job-${index}`,
      input: { prompt, seed, simplify: 0.95, texture_size: 1024 },
      outputs: ['glb' as const],
      sampler: {},
      tags: {},
    };
    await runJob(job, { store: quiet, runtime: LIGHT_RUNTIME, graph: lightGraph({ ...LIGHT, stepMs: 0 }) });
    results.push(Buffer.from((await quiet.get(resultKey(job.id, 'model.glb')))?.body ?? []));
  }
  return results;
}

async function records(): Promise<JobStatus[]> {
  const found: JobStatus[] = [];
  for (const { key } of (await store.list(STATUS_PREFIX)).objects) {
    const object = await store.get(key);
    if (object !== undefined) found.push(JobStatusSchema.parse(JSON.parse(new TextDecoder().decode(object.body))));
  }
  return found;
}

async function ended(): Promise<number> {
  return (await records()).filter(({ state }) => state !== 'queued' && state !== 'running').length;
}

async function expectWhole(ids: readonly string[]): Promise<void> {
  const all = await records();
  expect(all.map(({ id, state }) => `${id} ${state}`).sort()).toEqual(ids.map((id) => `${id} succeeded`).sort());
  const expected = await undisturbed(ids.length);
  for (const [index, id] of ids.entries()) {
    const glb = await store.get(resultKey(id, 'model.glb'));
    expect(Buffer.compare(Buffer.from(glb?.body ?? []), expected[index] ?? Buffer.alloc(0)), id).toBe(0);
    expect(await store.head(resultKey(id, 'stats.json')), id).toBeDefined();
  }
  expect((await store.list('results/')).objects, 'nothing beside the results').toHaveLength(2 * ids.length);
}

/** Steps that were computed more often than once, over all processes. */
function repeated(): number {
  const seen = new Map<string, number>();
  for (const { job, stage, step } of fleet.steps()) {
    const key = `${job} ${stage} ${step}`;
    seen.set(key, (seen.get(key) ?? 0) + 1);
  }
  return [...seen.values()].reduce((sum, count) => sum + count - 1, 0);
}

describe('60 jobs, 4 workers, one killed every second', () => {
  it('end as they would have undisturbed', async () => {
    const seed = Number(process.env.CHAOS_SEED ?? randomInt(2 ** 31));
    tell(`chaos seed ${seed}`);
    const next = seeded(seed);
    const ids = await submit(60);
    for (let worker = 0; worker < 4; worker += 1) fleet.start();
    await Promise.all(fleet.workers.map(({ ready }) => ready));
    let kills = 0;
    const deadline = Date.now() + 900_000;
    while ((await ended()) < ids.length) {
      if (Date.now() > deadline) throw new Error(`seed ${seed}: ${await ended()} of 60 jobs after ${kills} kills`);
      await sleep(500 + next() * 1000);
      const alive = fleet.alive();
      const victim = alive[Math.floor(next() * alive.length)];
      // A process that cannot even start before it is killed would test nothing.
      if (victim === undefined || !(await isReady(victim.ready))) continue;
      victim.child.kill('SIGKILL');
      kills += 1;
      fleet.start();
    }
    await fleet.end('SIGTERM');
    await expectWhole(ids);
    const crashes = (await records()).filter(({ crashes: count }) => count > 0).length;
    const again = repeated();
    const steps = fleet.steps().length;
    tell(`${kills} kills, ${steps} steps, ${again} of them again, ${crashes} jobs whose worker died last`);
    expect(kills).toBeGreaterThan(3);
    expect(steps).toBeGreaterThanOrEqual(60 * 2 * LIGHT.steps);
    // A kill takes up to `width` jobs; each has one interval unsaved, and a second one while a save is under way.
    expect(again).toBeLessThanOrEqual(kills * options.width * 2 * LIGHT.saveEvery);
  }, 1_000_000);
});

/** Numbers in [0, 1) from a seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Into the test's log: a seed that failed must be known. */
function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function isReady(ready: Promise<void>): Promise<boolean> {
  return Promise.race([ready.then(() => true), sleep(0).then(() => false)]).catch(() => false);
}

describe('behind a network and servers that misbehave', () => {
  let proxy: FaultyProxy;
  afterEach(() => proxy.stop());

  it('20 jobs end as they would have undisturbed', async () => {
    const seed = Number(process.env.CHAOS_SEED ?? randomInt(2 ** 31));
    tell(`fault seed ${seed}`);
    const next = seeded(seed);
    proxy = await startFaultyProxy(endpoint);
    const counts: Record<string, number> = {};
    const ids = await submit(20);
    const target = (url: string) => url.replace(endpoint, proxy.endpoint);
    const through = {
      endpoint: proxy.endpoint,
      generate: target(options.generate),
      finish: target(options.finish),
      attempts: 4,
      idleTimeout: 4000,
    };
    // An hour late, an hour early, and right: leases are compared with clocks that disagree.
    fleet.start(through);
    fleet.start(through);
    await Promise.all(fleet.workers.map(({ ready }) => ready));
    proxy.decide = (request) => {
      const roll = next();
      if (roll > 0.12) return undefined;
      const fault = faultFor(roll / 0.12, request.headers['x-amz-target'] !== undefined, request.method);
      counts[nameOf(fault)] = (counts[nameOf(fault)] ?? 0) + 1;
      return fault;
    };
    await expect.poll(ended, { timeout: 200_000, interval: 1000 }).toBe(ids.length);
    proxy.decide = () => undefined;
    await fleet.end('SIGTERM');
    tell(`faults: ${JSON.stringify(counts)}`);
    expect(Object.keys(counts).length).toBeGreaterThanOrEqual(6);
    await expectWhole(ids);
  }, 300_000);
});

function faultFor(roll: number, sqs: boolean, method: string): Fault {
  const error = sqs ? sqsFault : s3Fault;
  const faults: Fault[] = [
    error(500, 'InternalError'),
    error(503, 'SlowDown'),
    { kind: 'drop-before' },
    { kind: 'drop-after' },
    { kind: 'twice' },
    { kind: 'hang' },
    ...(!sqs && method === 'PUT' ? [s3Fault(409, 'ConditionalRequestConflict')] : []),
    ...(!sqs && method === 'GET' ? [{ kind: 'truncate' } as const] : []),
  ];
  return faults[Math.floor(roll * faults.length)] ?? { kind: 'drop-before' };
}

function nameOf(fault: Fault): string {
  return fault.kind === 'answer' ? String(fault.status) : fault.kind;
}

describe('a machine whose clock is wrong', () => {
  it.each([
    ['an hour ahead', 3_600_000],
    ['an hour behind', -3_600_000],
  ])(
    'by %s works with others',
    async (_name, clockOffMs) => {
      const ids = await submit(12);
      fleet.start();
      fleet.start({ clockOffMs });
      await expect.poll(ended, { timeout: 100_000, interval: 500 }).toBe(ids.length);
      await fleet.end('SIGTERM');
      await expectWhole(ids);
    },
    150_000,
  );
});

describe('messages that come late, twice and out of order', () => {
  it('change nothing', async () => {
    const ids = await submit(10);
    const queue = await openSqsQueue(options.generate, { endpoint, client });
    const { encodeJobTurn } = await import('@espalier/queue');
    for (let copy = 0; copy < 5; copy += 1) {
      for (const id of [...ids].reverse()) await queue.send(encodeJobTurn({ job: id }), { delaySeconds: copy });
    }
    fleet.start();
    fleet.start();
    await expect.poll(ended, { timeout: 100_000, interval: 500 }).toBe(ids.length);
    await sleep(3000);
    await fleet.end('SIGTERM');
    await expectWhole(ids);
    expect(repeated(), 'each step once').toBe(0);
  }, 150_000);
});
