/** The whole process is killed at several points; whoever goes on ends in the same bytes. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { nodeFlagsFor, type PipelineEvent } from '@espalier/contracts';
import { FolderStore } from '@espalier/storage';
import { expect, it } from 'vitest';
import { glbOf } from './jobs.ts';
import { temporaryFolder } from './temporary.ts';

type Told = PipelineEvent & { readonly child?: number };

/** Runs the job until `stop` says so, then kills it. Gives the events, and whether it came to its end. */
async function generate(folder: string, stop: (event: Told) => boolean): Promise<{ events: Told[]; ended: boolean }> {
  const script = new URL('./generate.ts', import.meta.url);
  const run = spawn(process.execPath, [...nodeFlagsFor(script), fileURLToPath(script), folder, '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = new Promise<number | null>((resolve) => run.once('exit', resolve));
  const events: Told[] = [];
  for await (const line of createInterface({ input: run.stdout })) {
    const event = JSON.parse(line) as Told;
    events.push(event);
    if (!stop(event)) continue;
    run.kill('SIGKILL');
    await exit;
    return { events, ended: false };
  }
  expect(await exit).toBe(0);
  return { events, ended: true };
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('ends in the same bytes after five kills, and repeats nothing that was saved', { timeout: 300_000 }, async () => {
  const untouched = await temporaryFolder();
  expect((await generate(untouched, () => false)).ended).toBe(true);
  const expected = await glbOf(await FolderStore.open(untouched));

  const folder = await temporaryFolder();
  const saved = (stage: string, step: number) => (event: Told) =>
    event.type === 'checkpoint.saved' && event.stage === stage && (event.step ?? -1) >= step;
  const started = (stage: string) => (event: Told) => event.type === 'stage.started' && event.stage === stage;
  const kills: [string, (event: Told) => boolean, number?][] = [
    ['structure', saved('structure', 2)],
    ['structure', saved('structure', 10), 2],
    ['latent', saved('latent', 3)],
    ['decode', started('decode')],
    ['texture', started('texture')],
  ];
  for (const [stage, stop, atLeast] of kills) {
    const { events, ended } = await generate(folder, stop);
    expect(ended).toBe(false);
    const start = events.find((event) => event.type === 'stage.started');
    expect(start).toMatchObject(atLeast === undefined ? {} : { stage });
    if (atLeast !== undefined && start?.type === 'stage.started') {
      expect(start.resumedFromStep).toBeGreaterThanOrEqual(atLeast);
    }
    // The inference process does not outlive its parent.
    const child = events.findLast((event) => event.child !== undefined)?.child;
    while (child !== undefined && isAlive(child)) await wait(10);
  }
  const last = await generate(folder, () => false);
  expect(last.events.flatMap((event) => (event.type === 'stage.started' ? [event.stage] : []))).toEqual([
    'texture',
    'export',
  ]);
  const store = await FolderStore.open(folder);
  expect(Buffer.compare(await glbOf(store), expected)).toBe(0);
  // Only finished checkpoints are left.
  const { objects } = await store.list('checkpoints/');
  expect(objects.filter(({ key }) => key.includes('.partial'))).toEqual([]);
  expect(objects).toHaveLength(7);
});
