import { mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderStore } from '@espalier/storage';
import { ModelRepository } from '@espalier/trellis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HubSource, MirrorSource, pullModel, pushModel } from '../src/index.ts';
import { type HubServer, startHub } from './hub-server.ts';
import { COMMITS, MODEL, tinyRepositories } from './tiny-repositories.ts';

let hub: HubServer;
let root: string;
beforeEach(async () => {
  hub = await startHub(await tinyRepositories());
  root = await mkdtemp(join(tmpdir(), 'espalier-mirror-'));
});
afterEach(async () => {
  await hub.close();
  await rm(root, { recursive: true, force: true });
});

const patience = { tries: 2, random: () => 0, sleep: async () => {} };
const fromHub = (home: string) =>
  pullModel(MODEL, { source: new HubSource({ url: hub.url, patience }), huggingFaceHome: home, patience });

it('a pulled model goes into a mirror, and from there to machines that never see the hub', async () => {
  const [first, second] = [join(root, 'first'), join(root, 'second')];
  const { lock } = await fromHub(first);
  const store = await FolderStore.open(join(root, 'mirror'));
  const sent = await pushModel(MODEL, store, { huggingFaceHome: first });
  expect(sent.sentBytes).toBe(lock.files.reduce((sum, { size }) => sum + size, 0));
  expect((await pushModel(MODEL, store, { huggingFaceHome: first })).sentBytes).toBe(0);
  hub.log.length = 0;
  const pulled = await pullModel(MODEL, { source: new MirrorSource(store, MODEL), huggingFaceHome: second, patience });
  expect(hub.log).toEqual([]);
  expect(pulled.lock.repositories).toEqual(lock.repositories);
  const digests = (files: typeof lock.files) => files.map(({ path, sha256 }) => `${path} ${sha256}`).sort();
  expect(digests(pulled.lock.files)).toEqual(digests(lock.files));
  const [a, b] = await Promise.all(
    [first, second].map((home) => ModelRepository.open(MODEL, { huggingFaceHome: home })),
  );
  expect(await a?.revision()).toBe(await b?.revision());
});

it('says what a mirror does not hold, and what was changed in it', async () => {
  const store = await FolderStore.open(join(root, 'mirror'));
  const pull = (revision?: string) =>
    pullModel(MODEL, {
      source: new MirrorSource(store, MODEL),
      huggingFaceHome: join(root, 'second'),
      patience,
      ...(revision !== undefined && { revision }),
    });
  await expect(pushModel(MODEL, store, { huggingFaceHome: join(root, 'first') })).rejects.toMatchObject({
    code: 'MODEL_NOT_PULLED',
    remedy: expect.stringContaining(`models pull ${MODEL}`),
  });
  await expect(pull()).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
  await fromHub(join(root, 'first'));
  await pushModel(MODEL, store, { huggingFaceHome: join(root, 'first') });
  await expect(pull('d'.repeat(40))).rejects.toMatchObject({ code: 'MODEL_REVISION_NOT_FOUND' });
  const flow = join(store.root, MODEL, COMMITS.model, 'ckpts/slat_flow_txt_dit_tiny_32l8p2_fp16.safetensors');
  const body = await readFile(flow);
  body[100] = ((body[100] ?? 0) + 1) % 256;
  await writeFile(flow, body);
  await expect(pull()).rejects.toMatchObject({ code: 'MODEL_CHECKSUM_WRONG' });
  await unlink(flow);
  await expect(pull()).rejects.toMatchObject({ code: 'MODEL_FILE_MISSING', remedy: expect.stringContaining('push') });
});
