/** `espalier serve` as users start it: the real program, the bundled tiny model, a real bucket. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startReceiver } from '../../notifier/test/receiver.ts';

const PROGRAM = fileURLToPath(new URL('../bin/espalier.mjs', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));

const SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const run = promisify(execFile);

let folder: string;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-serve-'));
});
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

function start(args: readonly string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [PROGRAM, 'serve', ...args], {
    cwd: folder,
    env: { ...process.env, HOME: folder, TRELLIS_MODEL_PATH: MODEL, ...environment },
  });
  running.push(child);
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => {
    said.out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.err += chunk;
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const address = async () => {
    await expect.poll(() => said.err, { timeout: 60_000 }).toMatch(/Espalier is at http/);
    return /http:\/\/\S+/.exec(said.err)?.[0] ?? '';
  };
  return { child, said, ended, address };
}

describe('espalier serve', () => {
  it('takes a job by HTTP, makes the asset, and finishes it anew from checkpoints', async () => {
    const { child, ended, address } = start(['--port', '0', '--store', join(folder, 'bucket')]);
    const base = await address();
    // biome-ignore lint/suspicious/noExplicitAny: looked into below
    const call = async (path: string, body?: unknown): Promise<any> => {
      const headers = { 'content-type': 'application/json' };
      const post = { method: 'POST', headers, body: JSON.stringify(body) };
      return (await fetch(base + path, body === undefined ? {} : post)).json();
    };
    const input = { prompt: 'A small wooden box', seed: 1, texture_size: 256 };
    const first = await call('/runsync?wait=120000', { input });
    expect(first).toMatchObject({
      status: 'COMPLETED',
      output: { seed_used: 1, glb_base64: expect.stringMatching(/^Z2xURg/) },
    });
    const again = await call(`/jobs/${first.id}/refinish`, { texture_size: 128 });
    expect((await call(`/status-sync/${again.id}?wait=120000`)).status).toBe('COMPLETED');
    const { stages } = (await call(`/jobs/${again.id}`)) as { stages: { name: string; state: string }[] };
    const cached = stages.filter(({ state }) => state === 'cached').map(({ name }) => name);
    expect(cached).toEqual(expect.arrayContaining(['structure', 'latent', 'decode']));
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  }, 180_000);

  it("answers the seed's own curl lines, and tells the webhook what RunPod would", async () => {
    const receiver = await startReceiver(SECRET);
    try {
      const { address } = start(['--port', '0', '--store', join(folder, 'bucket')], {
        ESPALIER_WEBHOOK_SECRET: SECRET,
        ESPALIER_WEBHOOK_HTTP: 'allow',
        ESPALIER_WEBHOOK_ALLOW: '127.0.0.0/8',
      });
      const base = (await address()).replace('127.0.0.1', 'localhost');
      const curl = async (...args: string[]) =>
        JSON.parse((await run('curl', ['-s', ...args], { maxBuffer: 2 ** 26 })).stdout);
      const json = ['-H', 'Content-Type: application/json'];
      // As printed, but for the port and, below, the endpoint.
      const first = await curl(
        ...['-X', 'POST', `${base}/run`, ...json],
        ...['-d', '{"input": {"prompt": "A small wooden box"}}'],
      );
      expect(first).toEqual({ id: expect.any(String), status: 'IN_QUEUE' });
      const endpoint = `${base}/v2/YOUR_ENDPOINT_ID`;
      const authorization = ['-H', 'Authorization: Bearer YOUR_API_KEY'];
      const second = await curl(
        ...['-X', 'POST', `${endpoint}/run`, ...authorization, ...json],
        ...['-d', `{"input": {"prompt": "A small wooden box", "seed": 3}, "webhook": "${receiver.url}/hook"}`],
      );
      await expect
        .poll(async () => (await curl(`${endpoint}/status/${second.id}`, ...authorization)).status, {
          timeout: 120_000,
        })
        .toBe('COMPLETED');
      await expect.poll(() => receiver.received.length, { timeout: 30_000 }).toBe(1);
      expect(receiver.received[0]?.verified, 'signed, since there is a secret').toMatchObject({
        id: second.id,
        status: 'COMPLETED',
        output: { seed_used: 3, glb_base64: expect.stringMatching(/^Z2xURg/) },
      });
      // The log is written once the receiver has answered.
      await expect
        .poll(async () => (await curl(`${base}/jobs/${second.id}/deliveries`)).deliveries, { timeout: 10_000 })
        .toMatchObject([{ state: 'delivered', format: 'runpod', tries: [{ status: 204 }] }]);
    } finally {
      await receiver.stop();
    }
  }, 240_000);

  it('refuses a setting before it opens anything', async () => {
    const wrong = start(['--port', '0', '--no-worker'], { ESPALIER_PUBLIC_URL: 'example.com' });
    expect(await wrong.ended).toBe(2);
    expect(wrong.said.err).toContain('ESPALIER_PUBLIC_URL');
    expect(wrong.said.err).not.toContain('Espalier is at');
  }, 60_000);

  it('listens to others with keys only, and makes keys', async () => {
    const refused = start(['--host', '0.0.0.0', '--port', '0', '--no-worker']);
    expect(await refused.ended).not.toBe(0);
    expect(refused.said.err).toContain('API keys');
    const made = start(['--new-key', 'me']);
    expect(await made.ended).toBe(0);
    const key = /esp_\S+/.exec(made.said.err)?.[0];
    const open = start(['--host', '0.0.0.0', '--port', '0', '--no-worker'], {
      ESPALIER_API_KEYS: made.said.out.trim(),
    });
    const base = (await open.address()).replace('0.0.0.0', '127.0.0.1');
    expect((await fetch(`${base}/jobs`)).status).toBe(401);
    expect((await fetch(`${base}/jobs`, { headers: { authorization: `Bearer ${key}` } })).status).toBe(200);
  }, 120_000);
});
