/**
 * docker-compose.yml walked through: its servers and its own commands as processes, each under the file's environment, with
 * loopback addresses where containers have names. Two servers have two addresses, so that what only works on one host fails.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openSqsQueue } from '@espalier/queue';
import { type ObjectStore, openS3Store, probeConditionalWrites, resultKey } from '@espalier/storage';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { espalier, type Running, startEspalier } from '../../services/cli/test/espalier-process.ts';
import { readCompose, serviceOf } from './compose-file.ts';
import { freePort, type Server, startBucket, startQueues } from './servers.ts';

const HEALTH_CHECK = fileURLToPath(new URL('../images/healthcheck.mjs', import.meta.url));
const BUCKET_HOST = '127.0.0.2';
const QUEUES_HOST = '127.0.0.3';

let folder: string;
let bucket: Server;
let queues: Server;
let api: string;
let key: string;
let store: ObjectStore;
let environment: Record<string, string>;
const ports: number[] = [];
const running: Running[] = [];

/** A service of the file as a process of this machine. */
async function start(name: string, more: readonly string[] = [], port?: number): Promise<void> {
  const metrics = port ?? (await freePort('0.0.0.0'));
  ports.push(metrics);
  const own = await environmentOf(name);
  running.push(
    startEspalier([...(serviceOf(await readCompose(), name).command ?? []), ...more], folder, {
      ...own,
      ESPALIER_METRICS_PORT: String(metrics),
    }),
  );
}

async function environmentOf(name: string): Promise<Record<string, string>> {
  const { environment: file } = serviceOf(await readCompose(), name);
  const placed = Object.entries(file).map(([variable, value]) => [
    variable,
    value
      .replace('http://bucket:9000', bucket.endpoint)
      .replace('http://queues:9324', queues.endpoint)
      .replace(/^\$\{ESPALIER_API_KEYS:-\}$/, process.env.ESPALIER_API_KEYS ?? ''),
  ]);
  return Object.fromEntries(placed);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-walk-'));
  // As the file's head says: the line for the settings comes on standard output, the key for people beside it.
  const made = await espalier(['serve', '--new-key', 'me'], folder);
  process.env.ESPALIER_API_KEYS = made.stdout.trim();
  key = /^ {2}(\S+)$/m.exec(made.stderr)?.[1] ?? '';
  bucket = await startBucket({ folder, host: BUCKET_HOST });
  queues = await startQueues({ folder, host: QUEUES_HOST });
  environment = await environmentOf('generate');
  const credentials = {
    accessKeyId: environment.AWS_ACCESS_KEY_ID ?? '',
    secretAccessKey: environment.AWS_SECRET_ACCESS_KEY ?? '',
  };
  const url = environment.ESPALIER_STORE ?? '';
  store = await openS3Store(url, { endpoint: bucket.endpoint, client: { credentials } });
  const port = await freePort('0.0.0.0');
  api = `http://127.0.0.1:${port}`;
  await start('api', ['--port', String(port)], port);
  await start('generate');
  await start('finish');
});
afterAll(async () => {
  for (const { child } of running) child.kill('SIGTERM');
  const ends = await Promise.all(running.map(({ ended }) => ended));
  await bucket?.stop();
  await queues?.stop();
  await rm(folder, { recursive: true });
  expect(ends.map(({ code }) => code)).toEqual(running.map(() => 0));
});

const call = (path: string, init: RequestInit = {}) =>
  fetch(`${api}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' } });

async function stateOf(id: string): Promise<string | undefined> {
  return ((await (await call(`/jobs/${id}`)).json()) as { state?: string }).state;
}

async function glbOf(id: string): Promise<void> {
  await expect.poll(() => stateOf(id), { timeout: 240_000, interval: 500 }).toBe('succeeded');
  const answer = await call(`/jobs/${id}/model.glb`);
  const glb = Buffer.from(await answer.arrayBuffer());
  expect(glb.subarray(0, 4).toString()).toBe('glTF');
  expect(glb.readUInt32LE(8)).toBe(glb.byteLength);
  expect(Buffer.compare(glb, Buffer.from((await store.get(resultKey(id, 'model.glb')))?.body ?? []))).toBe(0);
}

describe('the stack of docker-compose.yml', () => {
  it('is healthy, by the health check of the image', async () => {
    const run = promisify(execFile);
    for (const port of ports) {
      const check = () =>
        run(process.execPath, [HEALTH_CHECK], { env: { ...process.env, ESPALIER_METRICS_PORT: String(port) } }).then(
          () => 'healthy',
          () => 'not yet',
        );
      await expect.poll(check, { timeout: 120_000, interval: 500 }).toBe('healthy');
    }
  });

  it('wants a key', async () => {
    const answer = await fetch(`${api}/jobs`);
    expect(answer.status).toBe(401);
  });

  it('makes a GLB of a prompt that is posted, and of a job file that is put into the bucket', async () => {
    const submitted = await espalier(['submit', 'a wooden chest', '--id', 'file'], folder, environment);
    expect(submitted.stdout.trim(), submitted.stderr).toBe('file');
    const posted = await call('/run', {
      method: 'POST',
      body: JSON.stringify({ input: { prompt: 'a red chair', seed: 1 } }),
    });
    const { id } = (await posted.json()) as { id: string };
    await glbOf(id);
    await glbOf('file');
  });

  it('keeps what it made when its bucket is started again', async () => {
    const before = await store.get(resultKey('file', 'model.glb'));
    const { port } = new URL(bucket.endpoint);
    await bucket.stop();
    bucket = await startBucket({ folder, host: BUCKET_HOST, port: Number(port) });
    expect((await store.get(resultKey('file', 'model.glb')))?.etag).toBe(before?.etag);
    await probeConditionalWrites(store);
  });

  it('puts what is no job into the dead letters', async () => {
    const url = (lane: string) => `${queues.endpoint}/000000000000/${lane}`;
    const client = { credentials: { accessKeyId: 'any', secretAccessKey: 'any' } };
    const generate = await openSqsQueue(url('generate'), { client });
    const dead = await openSqsQueue(url('generate-dead'), { client });
    await generate.send('no job at all');
    await expect.poll(() => dead.depth(), { timeout: 60_000 }).toBe(1);
    generate.close();
    dead.close();
  });

  it('lists keys by their bytes, folders or not', async () => {
    const keys = ['a-b', 'a.b', 'a/b', 'a/b-c', 'a/c/d', 'a0', 'b', 'Z', 'é', '\u{1F4E6}', '\uFFFD'];
    for (const name of keys) await store.put(`order/${name}`, new TextEncoder().encode(name));
    const listed = (await store.list('order/')).objects.map(({ key: name }) => name.slice('order/'.length));
    expect(listed).toEqual([...keys].sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y))));
  });

  it('passes the doctor', async () => {
    const report = await espalier(['doctor', '--json'], folder, environment);
    expect(report.code, report.stdout).toBe(0);
  });
});
