/** Job files in a bucket folder, done by the real program with the bundled tiny model. */
import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JobStatsSchema, type JobStatus, JobStatusSchema, RejectionSchema } from '@espalier/contracts';
import { expect, it } from 'vitest';
import { canMount } from './can-mount.ts';
import { temporaryFolder } from './capture-io.ts';
import { espalier, logged, startEspalier } from './espalier-process.ts';

const MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));
const TIMEOUT = 300_000;
const ONCE = ['worker', '--once', '--store', 'bucket', '--model', MODEL];

async function bucketWith(jobs: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = await temporaryFolder();
  await mkdir(join(folder, 'bucket', 'jobs'), { recursive: true });
  for (const [name, body] of Object.entries(jobs)) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    await writeFile(join(folder, 'bucket', 'jobs', name), text);
  }
  return folder;
}

async function json(folder: string, key: string): Promise<unknown> {
  return JSON.parse(await readFile(join(folder, 'bucket', key), 'utf8'));
}

async function statusOf(folder: string, id: string): Promise<JobStatus> {
  return JobStatusSchema.parse(await json(folder, `status/${id}.json`));
}

it('two workers do the good ones once each and give the bad ones back with the reason', {
  timeout: TIMEOUT,
}, async () => {
  const folder = await bucketWith({
    'chest.json': { prompt: 'A wooden treasure chest', seed: 42, texture_size: 128 },
    'chair.json': { input: { prompt: 'A red chair', seed: 7, texture_size: 128 }, tags: { team: 'props' } },
    'empty.json': '',
    'text.json': 'please make a chest',
    'typo.json': { prompt: 'a', texturesize: 512 },
    'pollute.json': '{"prompt":"a","__proto__":{"seed":1}}',
  });
  const runs = await Promise.all([espalier([...ONCE, '--json'], folder), espalier([...ONCE, '--json'], folder)]);
  expect(runs.map(({ code }) => code)).toEqual([0, 0]);
  const said = runs.flatMap(({ stdout }) => stdout.split('\n').filter((line) => line !== ''));
  const ended = said.map((line) => JobStatusSchema.parse(JSON.parse(line)));
  expect(ended.map(({ id, state }) => `${id} ${state}`).sort()).toEqual([
    'chair succeeded',
    'chest succeeded',
    'empty rejected',
    'pollute rejected',
    'text rejected',
    'typo rejected',
  ]);
  for (const id of ['chest', 'chair']) {
    expect(await statusOf(folder, id)).toMatchObject({ state: 'succeeded', attempt: 1 });
    expect(await readdir(join(folder, 'bucket', 'results', id))).toEqual(['model.glb', 'stats.json']);
    JobStatsSchema.parse(await json(folder, `results/${id}/stats.json`));
  }
  expect(await json(folder, 'results/chair/stats.json')).toMatchObject({ seed_used: 7, tags: { team: 'props' } });
  const reasons = { empty: 'BODY_EMPTY', text: 'BODY_NOT_JSON', typo: 'UNKNOWN_KEYS', pollute: 'UNKNOWN_KEYS' };
  for (const [id, code] of Object.entries(reasons)) {
    expect(RejectionSchema.parse(await json(folder, `rejected/${id}.json`))).toMatchObject({ id, error: { code } });
  }
  expect(await readFile(join(folder, 'bucket', 'jobs', 'text.json'), 'utf8'), 'kept').toBe('please make a chest');
  expect(await espalier([...ONCE, '--json'], folder), 'nothing is left to do').toMatchObject({ code: 0, stdout: '' });
});

it('a worker that is told to stop hands its job back, and the next one goes on', { timeout: TIMEOUT }, async () => {
  const job = { prompt: 'a chest', seed: 1, texture_size: 128, sampler: { structure: { steps: 400 } } };
  const folder = await bucketWith({ 'a.json': job });
  const first = startEspalier(ONCE, folder, { ESPALIER_LOG_LEVEL: 'debug', ESPALIER_SAVE_SECONDS: '0' });
  await first.saw(logged('structure', 50));
  first.child.kill('SIGTERM');
  expect((await first.ended).code).toBe(143);
  expect(await statusOf(folder, 'a')).toMatchObject({ state: 'queued', attempt: 1 });
  expect((await espalier(ONCE, folder)).code).toBe(0);
  expect(await statusOf(folder, 'a')).toMatchObject({ state: 'succeeded', attempt: 2 });
  const stats = JobStatsSchema.parse(await json(folder, 'results/a/stats.json'));
  expect(stats.stages.structure?.resumed_from_step).toBeGreaterThan(0);
});

it('a worker without its model touches no job', { timeout: TIMEOUT }, async () => {
  const folder = await bucketWith({ 'a.json': { prompt: 'a' } });
  const run = await espalier(['worker', '--once', '--store', 'bucket', '--model', join(folder, 'none')], folder);
  expect([run.code, run.stderr]).toEqual([2, expect.stringContaining('[MODEL_NOT_FOUND]')]);
  expect(await readdir(join(folder, 'bucket'))).toEqual(['.espalier', 'jobs']);
});

it.skipIf(!canMount())('a read-only bucket is named as such', { timeout: TIMEOUT }, async () => {
  const folder = await bucketWith({});
  const disk = join(folder, 'bucket');
  execFileSync('/usr/bin/mount', ['-t', 'tmpfs', '-o', 'size=5m', 'tmpfs', disk]);
  try {
    await mkdir(join(disk, 'jobs'));
    await writeFile(join(disk, 'jobs', 'a.json'), '{"prompt":"a"}');
    execFileSync('/usr/bin/mount', ['-o', 'remount,ro', disk]);
    const worker = await espalier(ONCE, folder);
    expect([worker.code, worker.stderr]).toEqual([1, expect.stringContaining('[STORE_READ_ONLY]')]);
    const generate = await espalier(['generate', 'a', '--store', 'bucket', '--json'], folder);
    expect(generate.code).toBe(1);
    expect(JSON.parse(generate.stdout)).toMatchObject({ error: { code: 'STORE_READ_ONLY' } });
  } finally {
    execFileSync('/usr/bin/umount', [disk]);
  }
});
