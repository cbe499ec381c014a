/** `espalier serve` as users start it: the real program, the bundled tiny model, a real bucket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../bin/espalier.mjs', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));

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
