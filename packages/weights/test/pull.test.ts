import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ModelRepository, TrellisModel } from '@espalier/trellis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HubSource, type PullOptions, type PullProgress, pullModel, verifyPulled } from '../src/index.ts';
import { type HubServer, startHub } from './hub-server.ts';
import { COMMITS, MODEL, tinyRepositories } from './tiny-repositories.ts';

let hub: HubServer;
let home: string;
const waits: number[] = [];

beforeEach(async () => {
  hub = await startHub(await tinyRepositories());
  home = await mkdtemp(join(tmpdir(), 'espalier-weights-'));
  waits.length = 0;
});
afterEach(async () => {
  await hub.close();
  await rm(home, { recursive: true, force: true });
});

const patience = {
  tries: 3,
  random: () => 0.5,
  sleep: async (milliseconds: number, signal?: AbortSignal) => {
    signal?.throwIfAborted();
    waits.push(milliseconds);
  },
};
const source = (token?: string) => new HubSource({ url: hub.url, patience, ...(token !== undefined && { token }) });
const pull = (options: Partial<PullOptions> = {}) =>
  pullModel(MODEL, { source: source(), huggingFaceHome: home, patience, ...options });

/** The largest file of the model's own repository. */
const FLOW = 'ckpts/slat_flow_txt_dit_tiny_32l8p2_fp16.safetensors';
const flowSize = async () => hub.repositories[MODEL]?.files[FLOW]?.byteLength ?? 0;
const asked = (part: string) => hub.log.filter((line) => line.includes('/resolve/') && line.includes(part));

describe('pullModel', () => {
  it('fetches every part from three repositories, and the loader opens and runs it', async () => {
    const progress: PullProgress[] = [];
    const { folder, lock, fetchedBytes } = await pull({ onProgress: (now) => progress.push(now) });
    expect(lock.repositories).toEqual({
      [MODEL]: COMMITS.model,
      'microsoft/TRELLIS-image-large': COMMITS.image,
      'openai/clip-vit-large-patch14': COMMITS.clip,
    });
    const last = progress.at(-1);
    expect(last).toMatchObject({ have: last?.total, filesDone: lock.files.length });
    const pipelineBytes = lock.files.find(({ path }) => path === 'pipeline.json')?.size ?? 0;
    expect(fetchedBytes + pipelineBytes).toBe(lock.files.reduce((sum, { size }) => sum + size, 0));
    // Nothing that the model does not need.
    expect(asked('README.md')).toEqual([]);
    expect(asked('pytorch_model.bin')).toEqual([]);
    // By its name, as TRELLIS_MODEL_PATH would have it.
    const repository = await ModelRepository.open(MODEL, { huggingFaceHome: home });
    expect(repository.folder).toBe(folder);
    expect((await repository.textEncoder()).folder).toContain('models--openai--clip-vit-large-patch14');
    const model = await TrellisModel.open(MODEL, { device: 'cpu', threads: 1, huggingFaceHome: home });
    const { report } = await model.encodeText('a wooden chest');
    expect(report.truncated).toBe(false);
    await model.release();
  });

  it('lays files out as Hugging Face does, with their true digests', async () => {
    const { lock, folder } = await pull();
    for (const { repository, path, sha256, etag, size } of lock.files) {
      const body = await readFile(join(folder, '../../..', `models--${repository.replace('/', '--')}`, 'blobs', etag));
      expect(body.byteLength).toBe(size);
      expect(createHash('sha256').update(body).digest('hex')).toBe(sha256);
      expect(etag).toHaveLength(path.endsWith('.safetensors') ? 64 : 40);
    }
    expect(await readFile(join(folder, '../../refs/main'), 'utf8')).toBe(COMMITS.model);
    expect(await readFile(join(folder, '../../refs/espalier'), 'utf8')).toBe(COMMITS.model);
  });

  it('asks for nothing but listings when all is there', async () => {
    await pull();
    hub.log.length = 0;
    expect((await pull()).fetchedBytes).toBe(0);
    expect(asked('')).toEqual([]);
  });

  it('goes on where connections are cut, again and again, without waiting longer each time', async () => {
    hub.faults.push({ path: FLOW, cutAfter: 100_000, times: 5 });
    const { lock } = await pull();
    const [first, ...rest] = asked(FLOW);
    expect(first).not.toContain('bytes=');
    expect(rest).toHaveLength(5);
    // 5 cuts are more than the 3 tries that bring nothing.
    for (const line of rest) expect(Number(/bytes=(\d+)-/.exec(line)?.[1])).toBeGreaterThan(0);
    expect(new Set(waits).size).toBe(1);
    expect(lock.files).toHaveLength(14);
  });

  it('goes on in a later run, and gives up on a server that brings nothing', async () => {
    hub.faults.push({ path: FLOW, cutAfter: 200_000, times: 1 }, { path: FLOW, status: 503, times: 3 });
    await expect(pull({ parallel: 1 })).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
    hub.log.length = 0;
    const { fetchedBytes } = await pull();
    expect(asked(FLOW)).toEqual([expect.stringMatching(/bytes=[1-9]\d+-$/)]);
    expect(fetchedBytes).toBeGreaterThan(0);
  });

  it('starts over where the server cannot go on in the middle', async () => {
    hub.faults.push({ path: FLOW, cutAfter: 100_000, times: 1 }, { path: FLOW, noRange: true });
    const progress: PullProgress[] = [];
    await pull({ onProgress: (now) => progress.push(now) });
    const last = progress.at(-1);
    expect(last?.have).toBe(last?.total);
  });

  it('ends a connection on which nothing comes', async () => {
    hub.faults.push({ path: FLOW, hangAfter: 100_000, times: 1 });
    await pull({ idleTimeout: 200 });
    expect(asked(FLOW)).toHaveLength(2);
  });

  it('refuses a wrong checksum and keeps nothing of it', async () => {
    hub.faults.push({ path: FLOW, spoil: true });
    await expect(pull()).rejects.toMatchObject({
      code: 'MODEL_CHECKSUM_WRONG',
      field: FLOW,
      remedy: expect.stringContaining('--from'),
    });
    const blobs = await readdir(join(home, 'hub', `models--${MODEL.replace('/', '--')}`, 'blobs'));
    const flow = createHash('sha256')
      .update(hub.repositories[MODEL]?.files[FLOW] ?? '')
      .digest('hex');
    expect(blobs.filter((name) => name.startsWith(flow))).toEqual([]);
    await expect(ModelRepository.open(MODEL, { huggingFaceHome: home })).rejects.toThrow();
  });

  it('fetches afresh what a spoilt partial file made wrong', async () => {
    hub.faults.push({ path: FLOW, cutAfter: 100_000, times: 1 }, { path: FLOW, status: 503, times: 3 });
    await expect(pull({ parallel: 1 })).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' });
    const folder = join(home, 'hub', `models--${MODEL.replace('/', '--')}`, 'blobs');
    const partial = (await readdir(folder)).find((name) => name.endsWith('.incomplete')) ?? '';
    await writeFile(join(folder, partial), new Uint8Array(5000));
    await pull();
    expect((await verifyPulled(MODEL, { huggingFaceHome: home }))?.faults).toEqual([]);
  });

  it.each([
    ['larger', 1],
    ['smaller', -1],
  ])('refuses a listing that lies: %s than the file', async (_what, difference) => {
    hub.listedSize[FLOW] = (await flowSize()) + difference;
    await expect(pull()).rejects.toMatchObject({ code: 'MODEL_SIZE_WRONG', field: FLOW });
  });

  it('refuses an answer that claims another size', async () => {
    hub.faults.push({ path: FLOW, claim: (await flowSize()) + 10 });
    await expect(pull()).rejects.toMatchObject({ code: 'MODEL_SIZE_WRONG' });
  });

  it('waits as long as a busy hub asks, for listings and for files', async () => {
    hub.apiFaults.push({ path: '/tree/', status: 429, headers: { 'retry-after': '7' }, times: 1 });
    hub.faults.push({ path: FLOW, status: 429, headers: { 'retry-after': '9' }, times: 2 });
    await pull();
    expect(waits.filter((milliseconds) => milliseconds === 7000)).toHaveLength(1);
    expect(waits.filter((milliseconds) => milliseconds === 9000)).toHaveLength(2);
  });

  it('says what to do about a hub that stays busy', async () => {
    hub.apiFaults.push({ path: '/tree/', status: 429 });
    await expect(pull()).rejects.toMatchObject({
      code: 'SOURCE_UNAVAILABLE',
      remedy: expect.stringContaining('HF_TOKEN'),
    });
  });

  it('needs a token where the hub does', async () => {
    hub.token = 'hf_good';
    await expect(pull()).rejects.toMatchObject({
      code: 'MODEL_NOT_FOUND',
      remedy: expect.stringContaining('HF_TOKEN'),
    });
    await expect(pull({ source: source('hf_bad') })).rejects.toMatchObject({ code: 'MODEL_DENIED', field: 'HF_TOKEN' });
    await pull({ source: source('hf_good') });
  });

  it('names a repository and a revision that are not there', async () => {
    const nowhere = pullModel('microsoft/TRELLIS-text-huge', { source: source(), huggingFaceHome: home, patience });
    await expect(nowhere).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND', field: 'microsoft/TRELLIS-text-huge' });
    await expect(pull({ revision: 'v9' })).rejects.toMatchObject({ code: 'MODEL_REVISION_NOT_FOUND' });
  });

  it('looks at the disk before anything large comes', async () => {
    const small = pull({ freeBytes: async () => 1_000_000 });
    await expect(small).rejects.toMatchObject({ code: 'DISK_TOO_SMALL', field: 'HF_HOME' });
    expect(asked('.safetensors')).toEqual([]);
  });

  it('keeps to what the first download was, until it is told to take what is new', async () => {
    await pull();
    const before = hub.repositories[MODEL];
    const moved = 'c'.repeat(40);
    hub.repositories[MODEL] = { commit: moved, files: before?.files ?? {} };
    await expect(pull()).rejects.toMatchObject({ code: 'MODEL_REVISION_NOT_FOUND' }); // asks for the old commit
    expect((await pull({ update: true })).lock.repositories[MODEL]).toBe(moved);
  });

  it('distrusts a hub that serves another content under the same commit', async () => {
    await pull();
    const files = hub.repositories[MODEL]?.files;
    if (files?.[FLOW] === undefined) throw new Error('no flow');
    files[FLOW] = files[FLOW].map((byte, index) => (index === 9000 ? byte ^ 1 : byte));
    await expect(pull()).rejects.toMatchObject({
      code: 'MODEL_CHECKSUM_WRONG',
      remedy: expect.stringContaining('lock'),
    });
  });

  it('stops when it is told to, and goes on from there', async () => {
    hub.faults.push({ path: FLOW, hangAfter: 100_000, times: 1 });
    const stop = new AbortController();
    const reason = new Error('stopped');
    const pulling = pull({
      signal: stop.signal,
      onProgress: ({ have, total }) => {
        if (total > 0 && have > 0 && asked(FLOW).length > 0) stop.abort(reason);
      },
    });
    await expect(pulling).rejects.toBe(reason);
    await pull();
  });

  it('two at once share the work, and both end well', async () => {
    const both = await Promise.all([pull(), pull()]);
    expect(both[0].lock.files).toEqual(both[1].lock.files);
    expect(asked(FLOW)).toHaveLength(1);
  });
});

describe('verifyPulled', () => {
  it('reads every byte: finds what is missing, cut and changed', async () => {
    expect(await verifyPulled(MODEL, { huggingFaceHome: home })).toBeUndefined();
    const { folder } = await pull();
    expect((await verifyPulled(MODEL, { huggingFaceHome: home }))?.faults).toEqual([]);
    const flow = join(folder, FLOW);
    const body = await readFile(flow);
    body[body.length - 1] = ((body.at(-1) ?? 0) + 1) % 256;
    await writeFile(flow, body);
    const pipeline = join(folder, 'pipeline.json');
    await writeFile(pipeline, '{}');
    const config = join(folder, FLOW.replace('.safetensors', '.json'));
    await rm(config);
    const found = await verifyPulled(MODEL, { huggingFaceHome: home });
    expect(new Map(found?.faults.map(({ path, fault }) => [path, fault]))).toEqual(
      new Map([
        [pipeline, 'size'],
        [config, 'missing'],
        [flow, 'checksum'],
      ]),
    );
  });
});

it('the bundled small model is what the tests serve', async () => {
  const folder = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));
  expect((await stat(join(folder, FLOW))).size).toBe(await flowSize());
});
