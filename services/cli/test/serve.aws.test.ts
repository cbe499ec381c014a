/** `espalier serve` as a gateway on S3 and SQS: it writes and announces, workers in other processes do the rest. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type JobQueue, openSqsQueue } from '@espalier/queue';
import { jobKey, type ObjectStore, openS3Store } from '@espalier/storage';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { type Receiver, startReceiver } from '../../notifier/test/receiver.ts';
import { type Running, startEspalier } from './espalier-process.ts';

const endpoint = inject('awsEndpoint');
const MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));
const SECRET = `whsec_${Buffer.alloc(32, 4).toString('base64')}`;
const name = `gateway-${randomUUID().slice(0, 8)}`;
const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };

let folder: string;
let receiver: Receiver;
let store: ObjectStore;
let generate: JobQueue;
let env: Record<string, string>;
let base: string;
const running: Running[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-serve-aws-'));
  receiver = await startReceiver(SECRET);
  const admin = awsAdmin(endpoint);
  const queues = {
    generate: await admin.createQueue(`${name}-generate`),
    finish: await admin.createQueue(`${name}-finish`),
    notify: await admin.createQueue(`${name}-notify`),
  };
  // The bucket announces nothing by itself: what arrives was sent by the gateway.
  await admin.createBucket(name);
  env = {
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'testtest',
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: 'us-east-1',
    ESPALIER_STORE: `s3://${name}`,
    ESPALIER_QUEUE_GENERATE: queues.generate.url,
    ESPALIER_QUEUE_FINISH: queues.finish.url,
    ESPALIER_QUEUE_NOTIFY: queues.notify.url,
    ESPALIER_SWEEP_SECONDS: '0',
    ESPALIER_WEBHOOK_SECRET: SECRET,
    ESPALIER_WEBHOOK_HTTP: 'allow',
    ESPALIER_WEBHOOK_ALLOW: '127.0.0.0/8',
    TRELLIS_MODEL_PATH: MODEL,
  };
  store = await openS3Store(`s3://${name}`, { endpoint, client });
  generate = await openSqsQueue(queues.generate.url, { endpoint, client });
  const gateway = startEspalier(['serve', '--port', '0'], folder, env);
  running.push(gateway);
  let said = '';
  gateway.child.stderr?.on('data', (text: string) => {
    said += text;
  });
  await gateway.saw(/Espalier is at http\S+/);
  base = /http:\S+/.exec(said)?.[0] ?? '';
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGTERM');
  await Promise.all(running.map(({ ended }) => ended));
  await receiver.stop();
  await rm(folder, { recursive: true, force: true });
});

// biome-ignore lint/suspicious/noExplicitAny: looked into below
async function call(path: string, body?: unknown): Promise<any> {
  const post = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  return (await fetch(base + path, body === undefined ? {} : post)).json();
}
const input = { prompt: 'A small wooden box', seed: 6, texture_size: 128 };

describe('POST /run on S3 and SQS', () => {
  it('writes the job and announces it; a worker elsewhere finishes it; /status and the webhook say so', async () => {
    const { id, status } = await call('/run', { input, webhook: `${receiver.url}/hook` });
    expect(status).toBe('IN_QUEUE');
    const written = JSON.parse(new TextDecoder().decode((await store.get(jobKey(id)))?.body));
    expect(written).toMatchObject({ input });
    await expect.poll(() => generate.depth(), { timeout: 10_000 }).toBe(1);
    running.push(startEspalier(['worker', '--lanes', 'generate,finish,notify'], folder, env));
    await expect.poll(async () => (await call(`/status/${id}`)).status, { timeout: 100_000 }).toBe('COMPLETED');
    const { output } = await call(`/status/${id}`);
    expect(output).toMatchObject({ seed_used: 6, glb_base64: expect.stringMatching(/^Z2xURg/) });
    await expect.poll(() => receiver.received.length, { timeout: 30_000 }).toBe(1);
    expect(receiver.received[0]?.verified).toMatchObject({ id, status: 'COMPLETED', output });
    const { jobs, workers } = await call('/health');
    expect([jobs.completed, workers.idle], 'no worker is in this process').toEqual([1, 0]);
  });

  it('and so is another finish of it, by from', async () => {
    const { jobs } = await call('/jobs');
    const { id } = await call('/run', { from: jobs[0].id, input: { texture_size: 256 } });
    await expect.poll(async () => (await call(`/status/${id}`)).status, { timeout: 60_000 }).toBe('COMPLETED');
    const { stages } = await call(`/jobs/${id}`);
    expect(stages.find((stage: { name: string }) => stage.name === 'decode')).toMatchObject({ state: 'cached' });
  });

  it('and cancelling reaches the worker', async () => {
    const slow = { ...input, seed: 7 };
    const { id } = await call('/run', { input: slow, sampler: { structure: { steps: 1000 } } });
    await expect.poll(async () => (await call(`/status/${id}`)).status, { timeout: 30_000 }).toBe('IN_PROGRESS');
    await call(`/cancel/${id}`, {});
    await expect.poll(async () => (await call(`/status/${id}`)).status, { timeout: 30_000 }).toBe('CANCELLED');
  });

  it('a delivery is told again by hand', async () => {
    const { jobs } = await call('/jobs?state=succeeded');
    const told = jobs.find((job: { links: { deliveries?: string } }) => job.links.deliveries !== undefined);
    const { links } = await call(told.links.deliveries);
    expect(await call(links.replay, {})).toEqual({ replayed: 1 });
    await expect.poll(() => receiver.received.length, { timeout: 30_000 }).toBe(2);
    const [first, second] = receiver.received;
    expect(second?.body).toBe(first?.body);
  });
});
