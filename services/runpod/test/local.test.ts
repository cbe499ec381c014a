import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Logger, silentLogger, systemClock } from '@espalier/contracts';
import { Sender } from '@espalier/notifier';
import { FolderStore } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createLocalApi,
  parseRunpodEnvironment,
  parseWorkerArguments,
  readLocalTest,
  runLocalTest,
  withPublishedPaths,
} from '../src/index.ts';
import { GatedRunner } from './gated-runner.ts';

const PROGRAM = fileURLToPath(new URL('../bin/worker.mjs', import.meta.url));

let folder: string;
let store: FolderStore;
let runner: GatedRunner;
let stopping: AbortController;
const said: string[] = [];
const logger: Logger = {
  ...silentLogger,
  info: (_details, message) => said.push(message),
  warn: (_details, message) => said.push(message),
  error: (_details, message) => said.push(message),
  child: () => logger,
};

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-local-'));
  store = await FolderStore.open(join(folder, 'bucket'));
  runner = new GatedRunner(store);
  stopping = new AbortController();
  said.length = 0;
});
afterEach(async () => {
  stopping.abort();
  await rm(folder, { recursive: true, force: true });
});

describe('--test_input and test_input.json', () => {
  const test = async (more: { testInput?: string; testOutput?: string } = {}) => {
    const read = await readLocalTest({ folder, ...more }, logger);
    return read === undefined ? 1 : runLocalTest(read, { store, run: runner.run, logger }, stopping.signal);
  };

  it('ends with 1 when there is neither', async () => {
    expect(await test()).toBe(1);
    expect(said).toContain('test_input.json not found, exiting.');
  });

  it('runs the file under the id local_test', async () => {
    await writeFile(join(folder, 'test_input.json'), '{"input": {"prompt": "box", "seed": 1}}');
    expect(await test()).toBe(0);
    expect(runner.started).toEqual(['local_test']);
  });

  it('prefers the flag, and its id', async () => {
    await writeFile(join(folder, 'test_input.json'), '{"input": {"prompt": "file"}}');
    expect(await test({ testInput: '{"id": "mine", "input": {"prompt": "flag"}}' })).toBe(0);
    expect(runner.started).toEqual(['mine']);
  });

  it.each([['{"prompt": "box"}'], ['{'], ['[]'], ['{"input": {"prompt": ""}}']])(
    'ends with 1 for %s',
    async (testInput) => {
      expect(await test({ testInput })).toBe(1);
      expect(runner.started).toEqual([]);
    },
  );

  it('refuses a bad prompt, and an output that is no JSON, before it looks for a model', async () => {
    const worker = async (...flags: string[]) => {
      const child = spawn(process.execPath, [PROGRAM, ...flags], {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, TRELLIS_MODEL_PATH: join(folder, 'no-model') },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let log = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        log += text;
      });
      const [code] = await once(child, 'close');
      return { code, log };
    };
    const good = '{"input": {"prompt": "box"}}';
    const bad = await worker('--test_input', '{"input": {"prompt": ""}}');
    expect(bad).toMatchObject({ code: 1, log: expect.stringContaining("Missing required 'prompt' parameter") });
    expect(bad.log).not.toContain('no-model');
    const noJson = await worker('--test_input', good, '--test_output', '{');
    expect(noJson).toMatchObject({ code: 1, log: expect.stringContaining('the test output is no JSON') });
    expect(noJson.log).not.toContain('no-model');
    expect(await worker('--test_input', good), 'only a job that could run gets that far').toMatchObject({
      code: 1,
      log: expect.stringContaining('no-model'),
    });
  });

  it('compares the whole result with test_output', async () => {
    const testInput = '{"input": {"prompt": "box", "seed": 1}}';
    const output = {
      glb_base64: Buffer.from(runner.glb).toString('base64'),
      vertex_count: 24,
      face_count: 12,
      glb_size_bytes: runner.glb.byteLength,
      generation_time_seconds: 1.5,
      seed_used: 1,
    };
    expect(await test({ testInput, testOutput: JSON.stringify({ output }) })).toBe(0);
    expect(await test({ testInput, testOutput: JSON.stringify({ output: { ...output, seed_used: 2 } }) })).toBe(1);
  });
});

describe('--rp_serve_api', () => {
  const start = async (rules = { allowHttp: false, allow: [] as string[] }) => {
    const sender = new Sender({ ...rules, clock: systemClock });
    stopping.signal.addEventListener('abort', () => void sender.close());
    const { signal } = stopping;
    const server = createLocalApi({ store, run: runner.run, logger, endpointId: 'ep', signal, sender });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return async (path: string, body?: unknown) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, {
        method: 'POST',
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
      return { status: response.status, body: (await response.json()) as any };
    };
  };

  it('notes a job with /run and runs it with /status, once', async () => {
    const post = await start();
    const { body } = await post('/run', { input: { prompt: 'box' } });
    expect(body).toEqual({ id: expect.stringMatching(/^test-/), status: 'IN_PROGRESS' });
    expect(runner.started).toEqual([]);
    expect((await post(`/status/${body.id}`)).body).toMatchObject({
      id: body.id,
      status: 'COMPLETED',
      output: { face_count: 12 },
    });
    expect((await post(`/status/${body.id}`)).body).toEqual({
      id: body.id,
      status: 'FAILED',
      error: 'Job ID not found',
    });
  });

  it('runs at once with /runsync, and fails with the published message', async () => {
    const post = await start();
    expect((await post('/runsync', { input: { prompt: 'box' } })).body).toMatchObject({
      status: 'COMPLETED',
      output: { vertex_count: 24 },
    });
    expect((await post('/runsync', { input: {} })).body).toMatchObject({
      status: 'FAILED',
      error: "Missing required 'prompt' parameter",
    });
    expect((await post('/runsync', { prompt: 'box' })).status).toBe(400);
    expect((await post('/ep/realtime', { id: 'r', input: { prompt: 'box' } })).body.output.face_count).toBe(12);
    expect((await post('/stream/none')).body.status).toBe('FAILED');
  });

  it('tells the webhook once', async () => {
    const post = await start({ allowHttp: true, allow: ['127.0.0.0/8'] });
    const told: string[] = [];
    const receiver = createServer((request, response) => {
      request.on('data', (chunk) => told.push(String(chunk)));
      request.on('end', () => response.end());
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`;
    await post('/runsync', { input: { prompt: 'box' }, webhook });
    await expect.poll(() => told.length).toBe(1);
    expect(JSON.parse(told[0] ?? '')).toMatchObject({ output: { face_count: 12 } });
    receiver.close();
  });

  it('tells no webhook whose address is not public', async () => {
    const reached: string[] = [];
    const receiver = createServer((request, response) => {
      reached.push(request.url ?? '');
      response.end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
    const { port } = receiver.address() as AddressInfo;
    const post = await start({ allowHttp: true, allow: [] });
    for (const host of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]']) {
      said.length = 0;
      const { body } = await post('/runsync', { input: { prompt: 'box' }, webhook: `http://${host}:${port}/` });
      expect(body.status, 'the job itself is well').toBe('COMPLETED');
      await expect
        .poll(() => said.join('\n'), { message: host })
        .toContain('the webhook was not told: webhooks do not go to');
    }
    expect(reached).toEqual([]);
    receiver.close();
  });
});

describe('settings and flags', () => {
  it("fall back to the seed's own places, where there is something at them", () => {
    const [model, cache] = ['/app/models/TRELLIS-text-xlarge', '/app/hf_cache'];
    expect(withPublishedPaths({ A: '1' }, () => true)).toEqual({ A: '1', TRELLIS_MODEL_PATH: model, HF_HOME: cache });
    expect(withPublishedPaths({ HF_HOME: '/mine' }, (path) => path === model)).toEqual({
      TRELLIS_MODEL_PATH: model,
      HF_HOME: '/mine',
    });
    expect(withPublishedPaths({}, () => false)).toEqual({});
  });

  it('follow RunPod’s names', () => {
    const environment = parseRunpodEnvironment({
      RUNPOD_WEBHOOK_GET_JOB: 'https://api.runpod.ai/v2/ep/job-take/$ID?gpu=x',
      RUNPOD_WEBHOOK_POST_OUTPUT: 'https://api.runpod.ai/v2/ep/job-done/$RUNPOD_POD_ID/$ID?gpu=x',
      RUNPOD_PING_INTERVAL: '4500',
      RUNPOD_POD_ID: 'pod',
    });
    expect(environment).toMatchObject({
      takeUrl: 'https://api.runpod.ai/v2/ep/job-take/pod?gpu=x',
      doneUrl: 'https://api.runpod.ai/v2/ep/job-done/pod/$ID?gpu=x',
      pingMilliseconds: 4000,
      workerId: 'pod',
      concurrency: 1,
      refreshWorker: false,
    });
    expect(parseRunpodEnvironment({ ESPALIER_RUNPOD_CONCURRENCY: '3', ESPALIER_RUNPOD_REFRESH: 'on' })).toMatchObject({
      concurrency: 3,
      refreshWorker: true,
    });
    for (const name of ['ESPALIER_RUNPOD_CONCURRENCY', 'ESPALIER_RUNPOD_REFRESH'])
      expect(() => parseRunpodEnvironment({ [name]: '0' })).toThrow(`${name}: '0' cannot be used: give `);
    expect(() => parseRunpodEnvironment({ RUNPOD_WEBHOOK_GET_JOB: 'https://x/job-take/a' })).toThrow(
      /RUNPOD_WEBHOOK_GET_JOB/,
    );
    expect(() => parseRunpodEnvironment({ RUNPOD_WEBHOOK_GET_JOB: 'https://x/job-take/a?b' })).toThrow(/POST_OUTPUT/);
    expect(
      parseWorkerArguments(['--rp_serve_api', '--rp_api_port', '9000', '--rp_api_host=0.0.0.0', '--unknown', 'x']),
    ).toMatchObject({
      serveApi: true,
      apiPort: '9000',
      apiHost: '0.0.0.0',
      testInput: undefined,
    });
  });
});
