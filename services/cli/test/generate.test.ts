/** From a prompt to files, by the real program with the bundled tiny model: real networks, real processes. */
import { execFileSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { JobStatsSchema, STAGE_LANES, STAGES, type StageName } from '@espalier/contracts';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Generated } from '../src/commands/generate.ts';
import { canMount } from './can-mount.ts';
import { temporaryFolder } from './capture-io.ts';
import { espalier, logged, startEspalier } from './espalier-process.ts';

const MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));
const TIMEOUT = 300_000;
const CHEST = ['generate', 'A wooden treasure chest', '--seed', '42', '--texture-size', '128', '--model', MODEL];
/** Every step is saved, every event is logged. */
const VERBOSE = { ESPALIER_SAVE_SECONDS: '0', ESPALIER_LOG_LEVEL: 'debug' };

/** The tiny model samples too fast to be hit in the middle: this job takes more steps. */
const LONG = {
  prompt: 'A chest',
  seed: 42,
  texture_size: 128,
  sampler: { structure: { steps: 150 }, latent: { steps: 120 } },
};
const STEPS = { structure: 150, latent: 120 } as const;

/** The asset of an undisturbed run of the long job. */
let undisturbed: Buffer;
beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-long-'));
  const { args } = await longJob(folder);
  const run = await espalier(args, folder);
  expect(run.stderr + run.stdout).toContain('model.glb');
  undisturbed = await readFile(join(folder, 'out', 'model.glb'));
  await rm(folder, { recursive: true });
}, TIMEOUT);

async function longJob(folder: string): Promise<{ args: string[] }> {
  await writeFile(join(folder, 'job.json'), JSON.stringify(LONG));
  return { args: ['generate', '--job', 'job.json', '--model', MODEL, '--out', 'out'] };
}

function made(stdout: string): Generated {
  const parsed = JSON.parse(stdout) as Generated;
  expect(parsed.ok).toBe(true);
  return { ...parsed, stats: JobStatsSchema.parse(parsed.stats) };
}

function computed({ stats }: Generated): StageName[] {
  return STAGES.filter((stage) => stats.stages[stage]?.cached === false);
}

it('makes an asset; again takes no network; another texture size takes the CPU stages alone', {
  timeout: TIMEOUT,
}, async () => {
  const folder = await temporaryFolder();
  const first = await espalier([...CHEST, '--out', 'one'], folder);
  expect(first).toMatchObject({ code: 0, signal: null });
  for (const stage of STAGES)
    expect(first.stderr, 'one line per stage').toMatch(new RegExp(`^ {2}${stage} .* s$`, 'm'));
  expect(first.stderr).toMatch(/structure {3}12\/12 steps/);
  expect(first.stdout).toContain('one/model.glb');
  expect(first.stdout).toContain('one/stats.json');
  const glb = await readFile(join(folder, 'one', 'model.glb'));
  expect(glb.subarray(0, 4).toString()).toBe('glTF');
  const stats = JobStatsSchema.parse(JSON.parse(await readFile(join(folder, 'one', 'stats.json'), 'utf8')));
  expect(stats).toMatchObject({ seed_used: 42, texture_size: 128, glb_size_bytes: glb.byteLength, device: 'cpu' });
  expect(stats.validator).toMatchObject({ errors: 0, warnings: 0 });
  expect(stats.raw_face_count).toBeGreaterThan(stats.face_count);

  const second = await espalier([...CHEST, '--out', 'two', '--json'], folder);
  const again = made(second.stdout);
  expect(computed(again)).toEqual([]);
  expect((await readFile(again.files['model.glb'] ?? '')).equals(glb)).toBe(true);

  const third = made((await espalier([...CHEST, '--texture-size', '256', '--out', 'three', '--json'], folder)).stdout);
  expect(computed(third)).toEqual(['texture', 'export']);
  expect(await readdir(join(folder, 'three')), 'nothing half-written').toEqual(['model.glb', 'stats.json']);
});

it('shows a newcomer one asset, and what to do with it', { timeout: TIMEOUT }, async () => {
  const folder = await temporaryFolder();
  const { code, stdout } = await espalier(['demo', '--model', MODEL], folder);
  expect(code).toBe(0);
  expect(await readdir(join(folder, 'espalier-out'))).toEqual(['model.glb', 'stats.json']);
  expect(stdout).toContain('espalier-out/model.glb');
  expect(stdout, 'a random model is called one').toContain('This model is random');
  expect(stdout).toContain('npx espalier generate');
});

describe('a run that is killed in the middle of sampling', () => {
  it.each([
    ['structure', 60],
    ['latent', 40],
  ] as const)(
    '(%s, step %i) goes on from its last save, to the same bytes',
    { timeout: TIMEOUT },
    async (stage, step) => {
      const folder = await temporaryFolder();
      const { args } = await longJob(folder);
      const victim = startEspalier(args, folder, VERBOSE);
      await victim.saw(logged(stage, step));
      victim.child.kill('SIGKILL');
      const { signal, stderr } = await victim.ended;
      expect(signal).toBe('SIGKILL');
      const saves = [
        ...stderr.matchAll(new RegExp(`"stage":"${stage}"[^\\n]*"step":(\\d+),"msg":"checkpoint.saved"`, 'g')),
      ];
      const lastSaved = Number(saves.at(-1)?.[1]);
      expect(lastSaved).toBeGreaterThan(0);
      const heir = made((await espalier([...args, '--json'], folder)).stdout);
      const { resumed_from_step: from = 0, steps } = heir.stats.stages[stage] ?? {};
      expect(from).toBeGreaterThanOrEqual(lastSaved);
      expect(steps).toBe(STEPS[stage] - from);
      expect((await readFile(heir.files['model.glb'] ?? '')).equals(undisturbed)).toBe(true);
    },
  );
});

it('stops at Ctrl-C in every stage, says how to go on, and does', { timeout: TIMEOUT }, async () => {
  const folder = await temporaryFolder();
  const { args } = await longJob(folder);
  const stopped: string[] = [];
  for (const stage of STAGES) {
    const run = startEspalier(args, folder, VERBOSE);
    // A run that ended before its signal came has left nothing to do, and shows no further stage.
    await run.saw(logged(stage)).catch(() => {});
    run.child.kill('SIGINT');
    const { code, stdout, stderr } = await run.ended;
    // The stages of the finish are short: they may all have been done before the signal came.
    if (STAGE_LANES[stage] === 'cpu' && code === 0) continue;
    expect([stage, code, stdout]).toEqual([stage, 130, '']);
    stopped.push(stage);
    expect(stderr).toContain('run the same command again with --seed 42');
  }
  expect(stopped).toEqual(expect.arrayContaining(STAGES.filter((stage) => STAGE_LANES[stage] === 'gpu')));
  const last = made((await espalier([...args, '--json'], folder)).stdout);
  expect(computed(last).length, 'what was done before the signals was kept').toBeLessThanOrEqual(2);
  expect((await readFile(last.files['model.glb'] ?? '')).equals(undisturbed)).toBe(true);
});

describe('what is wrong is said, with a code, before or instead of a result', () => {
  it('a model folder that is not there', { timeout: TIMEOUT }, async () => {
    const folder = await temporaryFolder();
    const run = await espalier(['generate', 'a', '--model', join(folder, 'none'), '--json'], folder);
    expect(run.code).toBe(2);
    expect(JSON.parse(run.stdout)).toMatchObject({ ok: false, error: { code: 'MODEL_NOT_FOUND' } });
  });

  it('weights that are cut, and weights that are no weights', { timeout: TIMEOUT }, async () => {
    const folder = await temporaryFolder();
    const model = join(folder, 'model');
    await cp(MODEL, model, { recursive: true });
    const weights = join(model, 'ckpts', 'ss_flow_txt_dit_tiny_8l8_fp16.safetensors');
    await truncate(weights, 1_000_000);
    const args = ['generate', 'a', '--seed', '1', '--model', model];
    const cut = await espalier(args, folder);
    expect(cut.code).toBe(1);
    expect(cut.stderr).toContain('ss_flow_txt_dit_tiny_8l8_fp16.safetensors');
    expect(cut.stderr).toMatch(/\[[A-Z_]+\]/);
    await writeFile(weights, 'this is a page that says 404');
    const foreign = await espalier(args, folder);
    expect(foreign.code).toBe(1);
    expect(foreign.stderr).toContain('ss_flow_txt_dit_tiny_8l8_fp16.safetensors');
  });

  it('an output folder that is a file: the result stays in the bucket', { timeout: TIMEOUT }, async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, 'out'), '');
    const store = { ESPALIER_STORE: join(folder, 'bucket') };
    const run = await espalier([...CHEST, '--out', 'out'], folder, store);
    expect([run.code, run.stderr]).toEqual([1, expect.stringContaining('[OUTPUT_FAILED]')]);
    const again = made((await espalier([...CHEST, '--out', 'better', '--json'], folder, store)).stdout);
    expect(computed(again)).toEqual([]);
  });
});

it.skipIf(!canMount())(
  'a bucket on a full disk: said so, nothing lost, and it goes on once there is room',
  { timeout: TIMEOUT },
  async () => {
    const folder = await temporaryFolder();
    const { args } = await longJob(folder);
    const disk = join(folder, 'disk');
    await mkdir(disk);
    execFileSync('/usr/bin/mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', disk]);
    try {
      const store = { ESPALIER_STORE: disk };
      // Room for the first checkpoints and no more.
      const ballast = await open(join(disk, 'ballast'), 'w');
      await ballast.writeFile(new Uint8Array(20 * 1024 * 1024 - 600 * 1024));
      await ballast.close();
      const full = await espalier([...args, '--json'], folder, store);
      expect(full.code).toBe(1);
      expect(JSON.parse(full.stdout)).toMatchObject({ ok: false, error: { code: 'STORE_FULL' } });
      await truncate(join(disk, 'ballast'), 0);
      const healed = made((await espalier([...args, '--json'], folder, store)).stdout);
      expect(healed.stats.stages.condition?.cached).toBe(true);
      expect((await readFile(healed.files['model.glb'] ?? '')).equals(undisturbed)).toBe(true);
    } finally {
      execFileSync('/usr/bin/umount', [disk]);
    }
  },
);
