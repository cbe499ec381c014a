/** The real program on S3 and SQS: announced by the bucket itself, shared by lanes, told by webhook, killed and taken over. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JobStatus, JobStatusSchema } from '@espalier/contracts';
import { type JobQueue, openSqsQueue } from '@espalier/queue';
import { DEAD_LETTERS_PREFIX, jobKey, type ObjectStore, openS3Store, resultKey, statusKey } from '@espalier/storage';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { type Receiver, startReceiver } from '../../notifier/test/receiver.ts';
import { espalier, type Running, startEspalier } from './espalier-process.ts';

const endpoint = inject('awsEndpoint');
const MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));
const SECRET = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
const name = `production-${randomUUID().slice(0, 8)}`;
const credentials = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'testtest' };

let folder: string;
let receiver: Receiver;
let store: ObjectStore;
let generate: JobQueue;
let env: Record<string, string>;
const running: Running[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-production-'));
  receiver = await startReceiver(SECRET);
  const admin = awsAdmin(endpoint);
  const queue = async (lane: string) => {
    const dead = await admin.createQueue(`${name}-${lane}-dead`);
    return admin.createQueue(`${name}-${lane}`, { deadLetters: dead.arn, maxReceiveCount: 20 });
  };
  const queues = { generate: await queue('generate'), finish: await queue('finish'), notify: await queue('notify') };
  await admin.createBucket(name);
  await admin.notify(name, { queue: queues.generate.arn }, 'jobs/');
  env = {
    ...credentials,
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    ESPALIER_STORE: `s3://${name}`,
    ESPALIER_QUEUE_GENERATE: queues.generate.url,
    ESPALIER_QUEUE_FINISH: queues.finish.url,
    ESPALIER_QUEUE_NOTIFY: queues.notify.url,
    ESPALIER_LEASE_SECONDS: '5',
    ESPALIER_SAVE_SECONDS: '0',
    ESPALIER_WEBHOOK_SECRET: SECRET,
    ESPALIER_WEBHOOK_HTTP: 'allow',
    ESPALIER_WEBHOOK_ALLOW: '127.0.0.0/8',
    ESPALIER_WEBHOOK_LINK_SECONDS: '600',
    ESPALIER_LOG_LEVEL: 'debug',
    TRELLIS_MODEL_PATH: MODEL,
  };
  const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
  store = await openS3Store(`s3://${name}`, { endpoint, client });
  generate = await openSqsQueue(queues.generate.url, { endpoint, client });
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  await receiver.stop();
  await rm(folder, { recursive: true, force: true });
});

function start(lanes: string, more: Record<string, string> = {}): Running {
  const program = startEspalier(['worker', '--lanes', lanes], folder, { ...env, ...more });
  running.push(program);
  return program;
}
const put = (key: string, value: unknown) => store.put(key, new TextEncoder().encode(JSON.stringify(value)));
const job = (more: object = {}) => ({
  prompt: 'A wooden treasure chest',
  seed: 42,
  texture_size: 128,
  sampler: { structure: { steps: 6 }, latent: { steps: 40 } },
  ...more,
});
async function status(id: string): Promise<JobStatus | undefined> {
  const object = await store.get(statusKey(id));
  return object && JobStatusSchema.parse(JSON.parse(new TextDecoder().decode(object.body)));
}
const reaches = (id: string, state: string) =>
  expect.poll(async () => (await status(id))?.state, { timeout: 100_000, interval: 250 }).toBe(state);

describe('a job file in the bucket', () => {
  it('becomes a GLB and a signed webhook, by way of two lanes, from a spot machine that was killed', async () => {
    const doomed = start('generate');
    await doomed.saw(/lane opened/);
    await put(jobKey('chest'), job({ webhook: `${receiver.url}/hook` }));
    // A save is durable, and most of the steps are still to come.
    await doomed.saw(/"stage":"latent"[^\n]*"step":\d+[^\n]*checkpoint.saved/);
    doomed.child.kill('SIGKILL');
    await doomed.ended;
    const successor = start('generate');
    start('finish,notify');
    await reaches('chest', 'succeeded');
    await successor.saw(/"resumedFromStep":[1-9]/);
    const record = await status('chest');
    const notes = record?.events.map(({ note }) => note);
    expect(notes).toContainEqual(expect.stringMatching(/^its worker died.*: taken over$/));
    expect(notes).toContain('handed to the finish lane');
    // What the GPU stages cost in another process stands beside what this one did.
    const made = JSON.parse(new TextDecoder().decode((await store.get(resultKey('chest', 'stats.json')))?.body));
    for (const stage of ['latent', 'decode', 'surface', 'texture', 'export']) {
      expect(made.stages[stage], stage).toMatchObject({ cached: false, seconds: expect.any(Number) });
    }
    expect(made.stages.latent.seconds).toBeGreaterThan(0.05);
    const glb = await store.get(resultKey('chest', 'model.glb'));
    expect(Buffer.from(glb?.body.subarray(0, 4) ?? []).toString()).toBe('glTF');
    await expect.poll(() => receiver.received.length, { timeout: 30_000 }).toBe(1);
    const told = receiver.received[0]?.verified;
    if (told === undefined || told === false) throw new Error('the webhook was not signed');
    expect(told).toMatchObject({ type: 'job.completed', data: { id: 'chest', seed: 42, stats: { seed_used: 42 } } });
    // The link works for somebody who has no credentials.
    const links = told.data.links as Record<string, string>;
    const linked = await fetch(links['model.glb'] ?? '');
    expect(Buffer.compare(Buffer.from(await linked.arrayBuffer()), Buffer.from(glb?.body ?? []))).toBe(0);
  });

  it('is finished anew on CPUs alone, and a finished one again without any work', async () => {
    await put(jobKey('smaller'), { from: 'chest', input: { texture_size: 256 } });
    await reaches('smaller', 'succeeded');
    await put(jobKey('same'), job());
    await reaches('same', 'succeeded');
    const stats = JSON.parse(new TextDecoder().decode((await store.get(resultKey('smaller', 'stats.json')))?.body));
    expect(stats).toMatchObject({
      texture_size: 256,
      seed_used: 42,
      stages: { decode: { cached: true }, texture: { cached: false } },
    });
    const [first, same] = await Promise.all(['chest', 'same'].map((id) => store.get(resultKey(id, 'model.glb'))));
    expect(Buffer.compare(Buffer.from(first?.body ?? []), Buffer.from(same?.body ?? []))).toBe(0);
  });

  it('or none: whatever lies in the queue, the worker goes on', async () => {
    await generate.send('no job at all');
    await put(jobKey('wrong'), { prompt: 7 });
    await put(jobKey('next'), job({ seed: 43 }));
    await reaches('wrong', 'rejected');
    await reaches('next', 'succeeded');
    const reasons = (await store.list(DEAD_LETTERS_PREFIX)).objects;
    expect(reasons).toHaveLength(1);
    const redriven = await espalier(['redrive', 'generate', '--json'], folder, env);
    expect(redriven).toMatchObject({ code: 0, stdout: '{"ok":true,"moved":1}\n' });
  });

  it('is handed back at once when the worker is told to go', async () => {
    await put(jobKey('long'), job({ seed: 44, sampler: { structure: { steps: 400 }, latent: { steps: 6 } } }));
    await reaches('long', 'running');
    const leaving = running.filter(({ child }) => child.exitCode === null && child.signalCode === null);
    for (const { child } of leaving) child.kill('SIGTERM');
    const ended = await Promise.all(leaving.map(({ ended: end }) => end));
    expect(ended.map(({ code }) => code)).toEqual(leaving.map(() => 0));
    expect(await status('long')).toMatchObject({ state: 'queued', crashes: 0 });
    expect((await status('long'))?.events.at(-1)?.note).toBe('handed back');
    await expect.poll(() => generate.depth()).toBe(1);
    const asked = await espalier(['cancel', 'long'], folder, env);
    expect(asked.code).toBe(0);
    start('generate,finish');
    await reaches('long', 'cancelled');
  });
});

it('says what is wrong with a store at start', async () => {
  const ended = await espalier(['worker'], folder, { ...env, ESPALIER_STORE: 's3://there-is-no-such-bucket' });
  expect(ended.code).not.toBe(0);
  expect(ended.stderr).toMatch(/has no such bucket/);
});
