/** A bucket, queues and a fleet for each test of death and misfortune, and what must hold at the end of all of them. */
import { randomUUID } from 'node:crypto';
import { type JobStatus, JobStatusSchema } from '@espalier/contracts';
import { runJob } from '@espalier/pipeline';
import { jobKey, type ObjectStore, openS3Store, resultKey, STATUS_PREFIX } from '@espalier/storage';
import { afterEach, beforeEach, expect, inject } from 'vitest';
import { awsAdmin } from '../../../../.ci/aws/admin.ts';
import { bucket } from '../helpers.ts';
import { Fleet } from './fleet.ts';
import { LIGHT_RUNTIME, lightGraph } from './light-graph.ts';
import type { ChaosOptions } from './process.ts';

export const endpoint = inject('awsEndpoint');
export const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
export const LIGHT = { steps: 20, stepMs: 25, saveEvery: 4 };

export let store: ObjectStore;
export let options: ChaosOptions;
export let fleet: Fleet;

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

export async function submit(count: number): Promise<string[]> {
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

export async function records(): Promise<JobStatus[]> {
  const found: JobStatus[] = [];
  for (const { key } of (await store.list(STATUS_PREFIX)).objects) {
    const object = await store.get(key);
    if (object !== undefined) found.push(JobStatusSchema.parse(JSON.parse(new TextDecoder().decode(object.body))));
  }
  return found;
}

export async function ended(): Promise<number> {
  return (await records()).filter(({ state }) => state !== 'queued' && state !== 'running').length;
}

export async function expectWhole(ids: readonly string[]): Promise<void> {
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

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Into the test's log: a seed that failed must be known. */
export function tell(text: string): void {
  process.stderr.write(`${text}\n`);
}
