/** The notifier inside a program: RunPod's form, no secret, ends that nobody announced. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type JobStats, type JobStatus, STAGES, silentLogger } from '@espalier/contracts';
import { MemoryQueue } from '@espalier/queue';
import { FolderStore, jobKey, resultKey, statusKey } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseNotifierSettings, serveNotifier } from '../src/index.ts';
import { deliveriesIn } from './deliveries.ts';
import { type Receiver, startReceiver } from './receiver.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const GLB = Buffer.from('glTF and what follows');
const LOCAL = { ESPALIER_WEBHOOK_HTTP: 'allow', ESPALIER_WEBHOOK_ALLOW: '127.0.0.0/8' };

let folder: string;
let store: FolderStore;
let receiver: Receiver;
let stopping: AbortController;
let serving: Promise<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-embedded-'));
  store = await FolderStore.open(folder);
  receiver = await startReceiver(SECRET);
  stopping = new AbortController();
  serving = Promise.resolve();
});
afterEach(async () => {
  await stop();
  await receiver.stop();
  await rm(folder, { recursive: true });
});

function start(environment: Record<string, string> = LOCAL, publicUrl = 'https://assets.example.com'): void {
  stopping = new AbortController();
  const queue = new MemoryQueue({ visibilitySeconds: 120 });
  serving = serveNotifier(
    { store, queue, settings: parseNotifierSettings(environment), logger: silentLogger, embedded: true, publicUrl },
    stopping.signal,
  );
}
async function stop(): Promise<void> {
  stopping.abort();
  await serving;
}
const put = (key: string, value: unknown) => store.put(key, new TextEncoder().encode(JSON.stringify(value)));

async function end(state: JobStatus['state'], job: object, more: Partial<JobStats & JobStatus> = {}): Promise<void> {
  const [id, at] = ['chair', '2026-03-01T12:00:00.000Z'];
  await put(jobKey(id), { prompt: 'a chair', webhook: `${receiver.url}/hook`, webhook_format: 'runpod', ...job });
  const stats: JobStats = {
    vertex_count: 24,
    face_count: 12,
    glb_size_bytes: more.glb_size_bytes ?? GLB.byteLength,
    generation_time_seconds: 7.5,
    seed_used: 5,
    id,
    prompt: 'a chair',
    simplify: 0.95,
    texture_size: 1024,
    tags: {},
    raw_vertex_count: 1,
    raw_face_count: 1,
    bounds: { min: [0, 0, 0], max: [1, 1, 1] },
    stages: Object.fromEntries(STAGES.map((stage) => [stage, { seconds: 1, cached: false }])),
    peak_memory_bytes: { main: 1 },
    device: 'cpu',
    model: { name: 'm', revision: 'r' },
    tokens: { tokens: 3, used: 3, truncated: false, truncated_text: '', unknown_words: [] },
    validator: { version: '2', errors: 0, warnings: 0, infos: 0, hints: 0 },
    espalier_version: '0.1.0',
  };
  if (state === 'succeeded') {
    await store.put(resultKey(id, 'model.glb'), GLB);
    await put(resultKey(id, 'stats.json'), stats);
  }
  const status: JobStatus = {
    id,
    state,
    source: jobKey(id),
    job_etag: 'e1',
    attempt: 1,
    crashes: 0,
    seed: 5,
    worker: 'w',
    submitted_at: at,
    updated_at: at,
    finished_at: '2026-03-01T12:00:12.000Z',
    events: [{ at: '2026-03-01T12:00:02.000Z', state: 'running', attempt: 1 }],
    ...(more.error !== undefined && { error: more.error }),
  };
  await put(statusKey(id), status);
}
const told = async (count = 1) => {
  await expect.poll(() => receiver.received.length).toBe(count);
  return JSON.parse(receiver.received.at(-1)?.body ?? '');
};
const deliveries = () => deliveriesIn(store);

describe("a webhook in RunPod's form", () => {
  it('is told what /status says, with the file, unsigned without a secret', async () => {
    await end('succeeded', {});
    start();
    expect(await told()).toEqual({
      id: 'chair',
      status: 'COMPLETED',
      delayTime: 2000,
      executionTime: 10_000,
      workerId: 'w',
      output: {
        glb_base64: GLB.toString('base64'),
        vertex_count: 24,
        face_count: 12,
        glb_size_bytes: GLB.byteLength,
        generation_time_seconds: 7.5,
        seed_used: 5,
      },
    });
    expect(receiver.received[0]?.headers['webhook-signature']).toBeUndefined();
    await expect.poll(deliveries).toMatchObject([{ format: 'runpod', state: 'delivered' }]);
    const [delivery] = await deliveries();
    expect(delivery?.body, 'the file is not kept twice').not.toContain('glb_base64');
  });

  it('is signed too where there is a secret', async () => {
    await end('succeeded', {});
    start({ ...LOCAL, ESPALIER_WEBHOOK_SECRET: SECRET });
    await told();
    expect(receiver.received[0]?.verified).toMatchObject({ status: 'COMPLETED', output: { seed_used: 5 } });
  });

  it('is told a fault, and a job that was too late, as RunPod names them', async () => {
    await end('failed', {}, { error: { code: 'DEADLINE_EXCEEDED', message: 'not finished within its deadline' } });
    start();
    expect(await told()).toMatchObject({ status: 'TIMED_OUT', error: 'not finished within its deadline' });
  });

  it('links to a file that is too big for JSON', async () => {
    await end('succeeded', {}, { glb_size_bytes: 15 * 1024 * 1024 });
    start();
    const { output } = await told();
    expect(output.glb_base64).toBeUndefined();
    expect(output.glb_url).toBe('https://assets.example.com/jobs/chair/model.glb');
  });
});

describe('without a secret', () => {
  it('what must be signed is refused, and says why', async () => {
    await end('succeeded', { webhook_format: 'standard' });
    start();
    await expect
      .poll(deliveries)
      .toMatchObject([{ state: 'refused', tries: [{ error: expect.stringContaining('ESPALIER_WEBHOOK_SECRET') }] }]);
    expect(receiver.received).toEqual([]);
  });
});

describe('a restart', () => {
  it('goes on with what was not delivered, and tells nothing twice', async () => {
    receiver.answer = () => ({ status: 500 });
    await end('succeeded', {});
    start();
    await told();
    await expect.poll(async () => (await deliveries())[0]?.failures).toBe(1);
    await stop();
    receiver.answer = () => ({ status: 200 });
    start();
    // The second try is due five seconds after the first.
    await told(2);
    await expect.poll(async () => (await deliveries())[0]?.state).toBe('delivered');
    await stop();
    start();
    await end('failed', { webhook: `${receiver.url}/other` });
    await expect.poll(() => receiver.received.length, { timeout: 50_000 }).toBe(3);
    expect(receiver.received.map(({ path }) => path)).toEqual(['/hook', '/hook', '/other']);
  });
});

it('private addresses are refused unless a setting names them', async () => {
  await end('succeeded', {});
  start({ ESPALIER_WEBHOOK_HTTP: 'allow' });
  await expect.poll(async () => (await deliveries())[0]?.state).toBe('refused');
  expect(receiver.received).toEqual([]);
});
