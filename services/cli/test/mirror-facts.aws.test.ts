/** Two lanes on two machines, of which only one has the model: the other is told by the mirror what it is. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { JobStatsSchema } from '@espalier/contracts';
import { jobKey, openS3Store, readStatus, resultKey } from '@espalier/storage';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { type HubServer, startHub } from '../../../packages/weights/test/hub-server.ts';
import { MODEL, tinyRepositories } from '../../../packages/weights/test/tiny-repositories.ts';
import { temporaryFolder } from './capture-io.ts';
import { espalier, type Running, startEspalier } from './espalier-process.ts';

const endpoint = inject('awsEndpoint');
const MIRROR = 's3://facts/models';
const running: Running[] = [];
let hub: HubServer;
beforeAll(async () => {
  hub = await startHub(await tinyRepositories());
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  await hub.close();
});

it('a finishing machine finishes what another one generated, without the weights', async () => {
  const admin = awsAdmin(endpoint);
  await admin.createBucket('facts');
  const dead = await admin.createQueue('facts-dead');
  const [generate, finish] = await Promise.all(
    ['facts-generate', 'facts-finish'].map((name) =>
      admin.createQueue(name, { deadLetters: dead.arn, maxReceiveCount: 20 }),
    ),
  );
  await admin.notify('facts', { queue: generate?.arn ?? '' }, 'jobs/');
  const home = await temporaryFolder();
  const env = {
    HF_HOME: join(home, 'hf'),
    HF_ENDPOINT: hub.url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'testtest',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: endpoint,
    ESPALIER_STORE: 's3://facts',
    ESPALIER_QUEUE_GENERATE: generate?.url ?? '',
    ESPALIER_QUEUE_FINISH: finish?.url ?? '',
    TRELLIS_MODEL_PATH: MODEL,
  };
  for (const args of [
    ['models', 'pull', MODEL],
    ['models', 'push', MODEL, MIRROR],
  ])
    expect((await espalier(args, home, env)).code, args.join(' ')).toBe(0);

  // Another machine: no cache, and nobody to ask for weights.
  const bare = await temporaryFolder();
  const poor = { ...env, HF_HOME: join(bare, 'hf'), HF_ENDPOINT: 'http://127.0.0.1:9' };
  const lost = await espalier(['worker', '--lanes', 'finish'], bare, poor);
  expect([lost.code === 0, lost.stderr]).toEqual([false, expect.stringContaining('no model')]);
  running.push(startEspalier(['worker', '--lanes', 'generate'], home, env));
  running.push(startEspalier(['worker', '--lanes', 'finish'], bare, { ...poor, ESPALIER_MODEL_MIRROR: MIRROR }));

  const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
  const store = await openS3Store('s3://facts', { endpoint, client });
  const job = { prompt: 'A wooden treasure chest', seed: 42, texture_size: 128 };
  await store.put(jobKey('chest'), new TextEncoder().encode(JSON.stringify(job)));
  const state = async () => (await readStatus(store, 'chest'))?.status.state;
  await expect.poll(state, { timeout: 100_000, interval: 250 }).toBe('succeeded');
  const stats = await store.get(resultKey('chest', 'stats.json'));
  const made = JobStatsSchema.parse(JSON.parse(new TextDecoder().decode(stats?.body)));
  expect(made.stages.decode).toMatchObject({ cached: false });
  expect(made.model.name).toBe(MODEL);
  // Nothing of the model came to the machine that finished.
  expect(await readdir(bare, { recursive: true })).not.toContainEqual(expect.stringMatching(/safetensors$/));
});
