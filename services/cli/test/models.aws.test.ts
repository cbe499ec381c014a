import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { type HubServer, startHub } from '../../../packages/weights/test/hub-server.ts';
import { MODEL, tinyRepositories } from '../../../packages/weights/test/tiny-repositories.ts';
import { temporaryFolder } from './capture-io.ts';
import { espalier } from './espalier-process.ts';

const endpoint = inject('awsEndpoint');
let hub: HubServer;
beforeAll(async () => {
  hub = await startHub(await tinyRepositories());
});
afterAll(() => hub.close());

it('a mirror in a bucket: pushed once, and pulled by a machine that never sees the hub', async () => {
  await awsAdmin(endpoint).createBucket('mirror');
  const home = await temporaryFolder();
  const env = {
    HF_HOME: join(home, 'hf'),
    HF_ENDPOINT: hub.url,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AWS_ENDPOINT_URL_S3: endpoint,
  };
  const json = async (args: string[]) => {
    const { code, stdout, stderr } = await espalier([...args, '--json'], home, env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    return JSON.parse(stdout);
  };
  const { lock } = await json(['models', 'pull', MODEL]);
  const all = lock.files.reduce((sum: number, { size }: { size: number }) => sum + size, 0);
  expect(await json(['models', 'push', MODEL, 's3://mirror/espalier/models'])).toMatchObject({ sentBytes: all });
  expect(await json(['models', 'push', MODEL, 's3://mirror/espalier/models'])).toMatchObject({ sentBytes: 0 });
  await rm(join(home, 'hf'), { recursive: true });
  hub.log.length = 0;
  const pulled = await json(['models', 'pull', MODEL, '--from', 's3://mirror/espalier/models']);
  expect(pulled.lock.repositories).toEqual(lock.repositories);
  expect(hub.log).toEqual([]);
  expect(await json(['models', 'verify', MODEL])).toMatchObject({ ok: true, checksums: lock.files.length });
});
