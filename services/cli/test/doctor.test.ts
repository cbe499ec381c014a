import { chmod, cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runtimeFacts } from '@espalier/onnx';
import { FolderStore, type ObjectStore } from '@espalier/storage';
import { describe, expect, it } from 'vitest';
import type { Finding } from '../src/doctor/finding.ts';
import { checkGpu, type GpuDeps } from '../src/doctor/gpu.ts';
import { checkDisk, checkNode, checkRuntime } from '../src/doctor/machine.ts';
import { checkModel } from '../src/doctor/model.ts';
import { checkQueues } from '../src/doctor/queues.ts';
import { checkStore, clockFinding } from '../src/doctor/store.ts';
import { checkWebhooks, connect } from '../src/doctor/webhooks.ts';
import { runCli } from '../src/program.ts';
import { captureIo, temporaryFolder } from './capture-io.ts';

const TINY = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));

/** `check: level` of what was found; whatever is not ok must say what to do. */
function told(findings: readonly Finding[]): Record<string, string> {
  for (const { level, remedy } of findings) if (level !== 'ok') expect(remedy?.length).toBeGreaterThan(10);
  return Object.fromEntries(findings.map(({ check, level }) => [check, level]));
}

describe('machine', () => {
  it('Node: the version that engines names, or later', () => {
    expect(['20.11.0', '20.20.2', '22.0.0'].map((version) => checkNode(version).level)).toEqual(['ok', 'ok', 'ok']);
    expect(checkNode('20.10.0')).toMatchObject({ level: 'broken', remedy: expect.stringContaining('20.11') });
    expect(checkNode('18.20.4').level).toBe('broken');
  });

  it('onnxruntime: the real binding, and one that does not load', async () => {
    expect(await checkRuntime(runtimeFacts)).toMatchObject({
      level: 'ok',
      message: expect.stringMatching(/^onnxruntime-node 1\.\d+\.\d+, providers: .*cpu/),
    });
    const old = checkRuntime(async () => {
      throw new Error("libm.so.6: version `GLIBC_2.29' not found");
    });
    expect(await old).toMatchObject({ level: 'broken', message: expect.stringContaining('GLIBC') });
  });

  it('disk: by what is free', async () => {
    const free = { '/weights': 1e9, '/bucket': 4e8 } as Record<string, number>;
    const found = await checkDisk({ weights: '/weights', bucket: '/bucket' }, async (path) => free[path] ?? 1e12);
    expect(told(found)).toEqual({
      'disk.weights': 'warning',
      'disk.bucket': 'broken',
      'disk.temporary-files': 'ok',
    });
  });
});

describe('gpu', () => {
  /** What nvidia-smi prints for `name,memory.total,driver_version`. */
  const listings = {
    a4000: 'NVIDIA RTX A4000, 16376, 550.54.15\n',
    a5000: 'NVIDIA RTX A5000, 24564, 550.54.15\n',
    a6000: 'NVIDIA RTX A6000, 49140, 550.54.15\n',
    t1000: 'NVIDIA T1000, 4096, 550.54.15\n',
    two: 'NVIDIA L4, 23034, 550.54.15\nNVIDIA A10G, 23028, 550.54.15\n',
  };
  const deps = (listing: string | undefined, more: Partial<GpuDeps> = {}): GpuDeps => ({
    nvidiaSmi: async () => listing,
    cudaInstalled: () => true,
    tryCuda: async () => {},
    ...more,
  });

  it.each([
    ['a4000', 'minimum'],
    ['a5000', 'recommended'],
    ['a6000', 'optimal'],
  ] as const)('%s is %s', async (name, verdict) => {
    const found = await checkGpu('cuda', true, deps(listings[name]));
    expect(told(found)).toEqual({ 'gpu.memory': 'ok', cuda: 'ok' });
    expect(found[0]?.message).toContain(verdict);
  });

  it('lists every GPU', async () => {
    expect(await checkGpu('auto', true, deps(listings.two))).toHaveLength(3);
  });

  it('too little memory is broken for a published model, and a warning for the bundled one', async () => {
    expect(told(await checkGpu('cuda', true, deps(listings.t1000)))['gpu.memory']).toBe('broken');
    expect(told(await checkGpu('cuda', false, deps(listings.t1000)))['gpu.memory']).toBe('warning');
  });

  it('no GPU is broken where CUDA is asked for, and only said where it is not', async () => {
    const none = deps(undefined, { cudaInstalled: () => false });
    expect(told(await checkGpu('cuda', true, none))).toEqual({ gpu: 'broken', cuda: 'broken' });
    expect(told(await checkGpu('auto', true, none))).toEqual({ gpu: 'skipped', cuda: 'skipped' });
    expect(told(await checkGpu('cpu', true, none))).toEqual({ gpu: 'ok' });
    expect(told(await checkGpu('cuda', true, deps('')))).toMatchObject({ gpu: 'broken' });
  });

  it('CUDA libraries that do not load', async () => {
    const failing = {
      tryCuda: async () => {
        throw new Error('Failed to load library libonnxruntime_providers_cuda.so: libcudnn.so.9: cannot open');
      },
    };
    const found = await checkGpu('cuda', true, deps(listings.a5000, failing));
    expect(found.at(-1)).toMatchObject({ check: 'cuda', level: 'broken', remedy: expect.stringContaining('cuDNN 9') });
    expect(told(await checkGpu('auto', true, deps(listings.a5000, failing))).cuda).toBe('warning');
  });
});

describe('model', () => {
  it('a whole one, one with a missing part, and none', async () => {
    expect(await checkModel(TINY, '/none')).toMatchObject({ finding: { level: 'ok' }, heavy: false });
    const folder = join(await temporaryFolder(), 'tiny');
    await cp(TINY, folder, { recursive: true });
    await rm(join(folder, 'text_encoder', 'model.safetensors'));
    expect((await checkModel(folder, '/none')).finding).toMatchObject({
      level: 'broken',
      code: 'MODEL_FILE_MISSING',
      remedy: expect.stringContaining('models pull'),
    });
    expect((await checkModel('trellis-text-xlarge', '/none')).finding).toMatchObject({ code: 'MODEL_NOT_FOUND' });
  });
});

describe('store', () => {
  const deps = (open: () => Promise<ObjectStore>) => ({ open, fetch, clock: { now: Date.now }, leaseSeconds: 30 });

  it('a folder: all rights, conditions enforced, nothing left behind', async () => {
    const store = await FolderStore.open(join(await temporaryFolder(), 'bucket'));
    expect(told(await checkStore(deps(async () => store)))).toEqual({
      store: 'ok',
      'store.permissions': 'ok',
      'store.conditional-writes': 'ok',
    });
    expect((await store.list('')).objects).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)('a folder that cannot be written to', async () => {
    const root = join(await temporaryFolder(), 'bucket');
    const store = await FolderStore.open(root);
    await chmod(root, 0o500);
    expect(told(await checkStore(deps(async () => store)))).toEqual({ store: 'ok', 'store.write': 'broken' });
    await chmod(root, 0o700);
  });

  it('a file in its place', async () => {
    const file = join(await temporaryFolder(), 'file');
    await writeFile(file, '');
    expect(await checkStore(deps(() => FolderStore.open(file)))).toEqual([
      expect.objectContaining({ check: 'store', level: 'broken', code: 'STORE_NOT_A_FOLDER' }),
    ]);
  });

  it('one that takes conditions and ignores them, as many servers do', async () => {
    const store = await FolderStore.open(join(await temporaryFolder(), 'bucket'));
    const careless: ObjectStore = {
      location: 's3://careless',
      get: (key) => store.get(key),
      head: (key) => store.head(key),
      list: (prefix) => store.list(prefix),
      delete: (key) => store.delete(key),
      put: (key, body) => store.put(key, body),
    };
    const found = await checkStore(deps(async () => careless));
    expect(found.find(({ check }) => check === 'store.conditional-writes')).toMatchObject({
      level: 'broken',
      code: 'STORE_NOT_CONDITIONAL',
    });
  });

  it('names the one right that is missing', async () => {
    const store = await FolderStore.open(join(await temporaryFolder(), 'bucket'));
    const noList: ObjectStore = new Proxy(store, {
      get(target, name) {
        if (name === 'list') return () => Promise.reject(new Error('AccessDenied'));
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const found = await checkStore(deps(async () => noList));
    expect(told(found)).toMatchObject({ 'store.list': 'broken', 'store.permissions': 'ok' });
    expect(found.find(({ check }) => check === 'store.list')?.remedy).toContain('s3:ListBucket');
  });

  it('clocks: measured in leases', () => {
    expect(clockFinding(0.4, 30).level).toBe('ok');
    expect(clockFinding(-12, 30)).toMatchObject({ level: 'warning', message: expect.stringContaining('ahead of') });
    expect(clockFinding(45, 30)).toMatchObject({ level: 'broken', message: expect.stringContaining('behind') });
  });
});

describe('queues', () => {
  const facts = { visible: 3, inFlight: 1, denied: [], deadLetterUrl: 'https://sqs/1/dead', deadLetters: 0 };
  const named = { ESPALIER_QUEUE_GENERATE: { kind: 'sqs', url: 'https://sqs/1/generate' } } as const;

  it('none, a good one, one with dead letters, one without a place for them, and one that refuses', async () => {
    const look = (more: object) => checkQueues(named, { inspect: async () => ({ ...facts, ...more }) });
    expect(
      told(await checkQueues({ ESPALIER_QUEUE_GENERATE: { kind: 'memory' } }, { inspect: async () => facts })),
    ).toEqual({ queues: 'skipped' });
    expect(told(await look({}))).toEqual({ 'queue.generate': 'ok' });
    const dead = await look({ deadLetters: 2 });
    expect(told(dead)).toMatchObject({ 'queue.generate.dead-letters': 'warning' });
    expect(dead.at(-1)?.remedy).toContain('espalier redrive generate');
    expect(told(await look({ deadLetterUrl: undefined }))).toMatchObject({ 'queue.generate.dead-letters': 'broken' });
    const denied = await look({ denied: ['sqs:DeleteMessage'] });
    expect(denied.find(({ level }) => level === 'broken')?.message).toContain('sqs:DeleteMessage');
  });

  it('one that cannot be asked', async () => {
    const found = await checkQueues(named, {
      inspect: async () => {
        throw new Error('getaddrinfo ENOTFOUND');
      },
    });
    expect(found).toEqual([
      expect.objectContaining({ level: 'broken', remedy: expect.stringContaining('ESPALIER_QUEUE_GENERATE') }),
    ]);
  });
});

describe('webhooks', () => {
  const secret = { ESPALIER_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 7).toString('base64')}` };
  const look = (env: Record<string, string>, notifies: boolean, url?: string) =>
    checkWebhooks(env, notifies, url, { connect });

  it('the secret: needed where webhooks are told, and checked wherever it is set', async () => {
    expect(told(await look({}, false))).toEqual({ 'webhooks.egress': 'skipped' });
    expect(told(await look({}, true))).toMatchObject({ 'webhooks.secret': 'broken' });
    expect(told(await look(secret, true))).toMatchObject({ 'webhooks.secret': 'ok' });
    expect(told(await look({ ESPALIER_WEBHOOK_SECRET: 'short' }, false))).toEqual({ 'webhooks.settings': 'broken' });
    expect(told(await look({ ESPALIER_WEBHOOK_ALLOW: 'home' }, false))).toEqual({ 'webhooks.settings': 'broken' });
  });

  it('egress: an open port, a closed one, and addresses that are never gone to', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/hook`;
    const open = { ESPALIER_WEBHOOK_HTTP: 'allow', ESPALIER_WEBHOOK_ALLOW: '127.0.0.0/8' };
    expect(told(await look(open, false, url))).toEqual({ 'webhooks.egress': 'ok' });
    await new Promise((resolve) => server.close(resolve));
    expect(told(await look(open, false, url))).toEqual({ 'webhooks.egress': 'broken' });
    const refused = await look({ ESPALIER_WEBHOOK_HTTP: 'allow' }, false, url);
    expect(refused[0]).toMatchObject({ level: 'broken', code: 'WEBHOOK_REFUSED' });
    expect(told(await look({}, false, 'nonsense'))).toEqual({ 'webhooks.egress': 'broken' });
  });
});

describe('espalier doctor', () => {
  const env = async () => {
    const home = await temporaryFolder();
    await mkdir(join(home, 'bucket'));
    return { XDG_CACHE_HOME: home, ESPALIER_STORE: join(home, 'bucket'), TRELLIS_MODEL_PATH: TINY };
  };

  it('is content with a laptop', async () => {
    const io = captureIo({ env: await env() });
    expect(await runCli(io, ['doctor'])).toBe(0);
    expect(io.stdout).toContain('Nothing that is configured is broken.');
    expect(io.stdout).toContain('trellis-tiny: 6 networks');
  });

  it('ends with 1 when something that is configured is broken, as JSON too', async () => {
    const io = captureIo({ env: { ...(await env()), TRELLIS_MODEL_PATH: 'trellis-text-xlarge' } });
    expect(await runCli(io, ['doctor', '--json'])).toBe(1);
    const report = JSON.parse(io.stdout);
    expect(report).toMatchObject({ ok: false, broken: 1 });
    expect(report.findings).toContainEqual(expect.objectContaining({ check: 'model', code: 'MODEL_NOT_FOUND' }));
    expect(io.stderr).toBe('');
  });

  it('ends with 2 when the settings cannot be read', async () => {
    const io = captureIo({ env: { ESPALIER_DEVICE: 'tpu' } });
    expect(await runCli(io, ['doctor'])).toBe(2);
    expect(io.stderr).toContain('ESPALIER_DEVICE');
  });
});
