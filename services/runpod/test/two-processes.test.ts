/** SIGTERM across two real processes: what the first has sampled is where the second goes on. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeRunpod } from './fake-runpod.ts';

const PROGRAM = fileURLToPath(new URL('../bin/worker.mjs', import.meta.url));
const MODEL = fileURLToPath(new URL('../../../models/starter', import.meta.url));
const STEPS = 100;
const SLOW = 150_000;

let runpod: FakeRunpod;
let folder: string;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'espalier-runpod-processes-'));
  await makeSlowModel(join(folder, 'model'));
  runpod = new FakeRunpod();
  await runpod.start();
});
afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  await runpod.stop();
  await rm(folder, { recursive: true, force: true });
  expect(runpod.violations).toEqual([]);
});

/** The bundled model with so many structure steps that no machine does them in the seconds a worker gets to finish. */
async function makeSlowModel(target: string): Promise<void> {
  await mkdir(target);
  for (const name of await readdir(MODEL)) {
    if (name !== 'pipeline.json') await symlink(join(MODEL, name), join(target, name));
  }
  const config = JSON.parse(await readFile(join(MODEL, 'pipeline.json'), 'utf8'));
  config.args.sparse_structure_sampler.params.steps = STEPS;
  await writeFile(join(target, 'pipeline.json'), JSON.stringify(config));
}

/** How many sampler steps the save in the bucket holds, from the header of its safetensors file. */
async function savedStep(): Promise<number> {
  const saves = join(folder, 'bucket', 'checkpoints', 'structure');
  const name = (await readdir(saves)).find((file) => file.includes('.partial.'));
  const bytes = await readFile(join(saves, name ?? ''));
  const header = JSON.parse(bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString('utf8'));
  return JSON.parse(header.__metadata__.espalier).step;
}

function start(): { readonly child: ChildProcess; readonly log: () => string; readonly ended: Promise<number | null> } {
  const child = spawn(process.execPath, [PROGRAM], {
    cwd: folder,
    env: {
      PATH: process.env.PATH,
      HOME: folder,
      ESPALIER_STORE: join(folder, 'bucket'),
      ESPALIER_DEVICE: 'cpu',
      ESPALIER_THREADS: '1',
      TRELLIS_MODEL_PATH: join(folder, 'model'),
      ...runpod.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
  return { child, log: () => text, ended: once(child, 'close').then(([code]) => code as number | null) };
}

const steps = (from: number) =>
  runpod.progress.slice(from).flatMap(({ body }) => (body.output.step === undefined ? [] : [body.output]));

describe('a worker that is told to go while it samples', () => {
  it('saves the step in hand and ends well; the next process goes on from there and hands the result over', async () => {
    const first = start();
    const job = { prompt: 'A wooden treasure chest', seed: 42, texture_size: 256 };
    runpod.submit('chest', job);
    await expect.poll(() => steps(0).some(({ step }) => step >= 3), { timeout: SLOW, message: first.log() }).toBe(true);
    first.child.kill('SIGTERM');
    expect(await first.ended, first.log()).toBe(0);
    expect(first.log()).toContain('job saved for another worker');
    expect(runpod.resultOf('chest'), 'nothing is posted of a job that was saved').toBeUndefined();
    const told = runpod.progress.length;
    const saved = await savedStep();
    expect(saved).toBeGreaterThanOrEqual(steps(0).at(-1)?.step);
    expect(saved).toBeLessThan(STEPS);

    const second = start();
    runpod.submit('chest', job);
    await expect.poll(() => steps(told).length, { timeout: SLOW }).toBeGreaterThan(0);
    expect(steps(told)[0], 'from the very step that was saved').toMatchObject({ stage: 'structure', step: saved });
    await expect.poll(() => runpod.resultOf('chest'), { timeout: SLOW, message: second.log() }).toBeDefined();
    const { output } = runpod.resultOf('chest')?.body ?? {};
    expect(output).toMatchObject({ seed_used: 42, glb_base64: expect.stringMatching(/^Z2xURg/) });
    second.child.kill('SIGTERM');
    expect(await second.ended).toBe(0);
  }, 400_000);
});
