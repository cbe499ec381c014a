/** The real program on a store that fills up or takes its permission away: it says so, loses nothing and goes on. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { jobKey, type ObjectStore, openS3Store, readStatus, resultKey } from '@espalier/storage';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { type FaultyProxy, s3Fault, startFaultyProxy } from '../../../.ci/aws/faulty-proxy.ts';
import { type Running, startEspalier } from './espalier-process.ts';

const endpoint = inject('awsEndpoint');
const name = `store-faults-${randomUUID().slice(0, 8)}`;
const credentials = { accessKeyId: 'test', secretAccessKey: 'testtest' };

let folder: string;
let proxy: FaultyProxy;
/** The bucket past the proxy. */
let truth: ObjectStore;
let worker: Running;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-store-faults-'));
  proxy = await startFaultyProxy(endpoint);
  const admin = awsAdmin(endpoint);
  const queue = async (lane: string) => {
    const dead = await admin.createQueue(`${name}-${lane}-dead`);
    return admin.createQueue(`${name}-${lane}`, { deadLetters: dead.arn, maxReceiveCount: 50 });
  };
  const [generate, finish] = [await queue('generate'), await queue('finish')];
  await admin.createBucket(name);
  await admin.notify(name, { queue: generate.arn }, 'jobs/');
  truth = await openS3Store(`s3://${name}`, { endpoint, client: { credentials } });
  worker = startEspalier(['worker', '--lanes', 'generate,finish'], folder, {
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_ENDPOINT_URL_S3: proxy.endpoint,
    AWS_REGION: 'us-east-1',
    ESPALIER_STORE: `s3://${name}`,
    ESPALIER_QUEUE_GENERATE: generate.url,
    ESPALIER_QUEUE_FINISH: finish.url,
    ESPALIER_LEASE_SECONDS: '4',
    ESPALIER_LOG_LEVEL: 'info',
    TRELLIS_MODEL_PATH: fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url)),
  });
  await worker.saw(/lane opened/);
});
afterAll(async () => {
  worker.child.kill('SIGKILL');
  await worker.ended;
  await proxy.stop();
  await rm(folder, { recursive: true, force: true });
});

async function submit(id: string, seed: number): Promise<void> {
  const body = { prompt: 'A wooden treasure chest', seed, texture_size: 128 };
  await truth.put(jobKey(id), new TextEncoder().encode(JSON.stringify(body)));
}
const status = async (id: string) => (await readStatus(truth, id))?.status;
const succeeds = async (id: string) => {
  await expect.poll(async () => (await status(id))?.state, { timeout: 90_000, interval: 250 }).toBe('succeeded');
  const stats = await truth.get(resultKey(id, 'stats.json'));
  expect(JSON.parse(new TextDecoder().decode(stats?.body))).toMatchObject({ id, validator: { errors: 0 } });
};

it('a store that is full: the record says so, and the job goes on from its checkpoints when there is room', async () => {
  proxy.decide = ({ method, url }) =>
    method === 'PUT' && /\/(results|checkpoints\/(latent|decode))\//.test(url)
      ? s3Fault(507, 'InsufficientStorage')
      : undefined;
  await submit('full', 1);
  await expect.poll(async () => (await status('full'))?.error?.code, { timeout: 60_000 }).toBe('STORE_FULL');
  expect(await status('full')).toMatchObject({
    state: 'queued',
    error: { code: 'STORE_FULL', remedy: expect.stringContaining('free some space') },
    retry_at: expect.any(String),
  });
  proxy.decide = () => undefined;
  await succeeds('full');
  const stats = JSON.parse(new TextDecoder().decode((await truth.get(resultKey('full', 'stats.json')))?.body));
  expect(stats.stages.structure, 'saved before the store was full, and not computed again').toMatchObject({
    cached: false,
  });
});

it('a store that takes its permission away: the worker stays, says so, and goes on when it is given back', async () => {
  proxy.decide = () => s3Fault(403, 'AccessDenied');
  await submit('denied', 2);
  await worker.saw(/"code":"STORE_DENIED"[^\n]*a message waits/);
  expect(await status('denied'), 'nobody could say anything in the bucket').toBeUndefined();
  proxy.decide = () => undefined;
  await succeeds('denied');
  expect(worker.child.exitCode).toBeNull();
});

it('one that is denied in the middle of a job loses neither its place nor what is saved', async () => {
  let denied = false;
  proxy.decide = ({ method, url }) => {
    if (method === 'PUT' && url.includes('/checkpoints/structure/')) denied = true;
    return denied ? s3Fault(403, 'AccessDenied') : undefined;
  };
  await submit('middle', 3);
  await expect.poll(() => denied, { timeout: 60_000 }).toBe(true);
  expect(await status('middle')).toMatchObject({ state: 'running' });
  proxy.decide = () => undefined;
  await succeeds('middle');
});
