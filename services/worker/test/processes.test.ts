/** Workers in processes of their own, on one bucket. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { nodeFlagsFor } from '@espalier/contracts';
import type { FolderStore } from '@espalier/storage';
import { expect, it } from 'vitest';
import { bucket, drop, statusOf } from './helpers.ts';

interface RunningWorker {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly lines: string[];
  /** Resolves once it has begun this step of a job. */
  reached(line: string): Promise<void>;
  ended(): Promise<number | null>;
}

function start(store: FolderStore, mode: 'drain' | 'serve'): RunningWorker {
  const script = new URL('./worker-process.ts', import.meta.url);
  const child = spawn(process.execPath, [...nodeFlagsFor(script), script.pathname, store.root, mode], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'close');
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    waiting.get(line)?.();
  });
  return {
    child,
    lines,
    reached: (line) =>
      lines.includes(line) ? Promise.resolve() : new Promise((resolve) => waiting.set(line, resolve)),
    ended: async () => (await exit)[0] as number | null,
  };
}

it('do each of 30 jobs once', async () => {
  const store = await bucket();
  for (let i = 0; i < 30; i += 1) await drop(store, `j${i}.json`, { prompt: '3' }, Date.now() - 60_000 + i);
  const workers = [start(store, 'drain'), start(store, 'drain'), start(store, 'drain')];
  expect(await Promise.all(workers.map((worker) => worker.ended()))).toEqual([0, 0, 0]);
  const begun = workers.flatMap(({ lines }) => lines.filter((line) => line.endsWith(' 1')));
  expect(begun.sort()).toEqual(Array.from({ length: 30 }, (_unused, i) => `j${i} 1`).sort());
  for (let i = 0; i < 30; i += 1) {
    expect(await statusOf(store, `j${i}`)).toMatchObject({ state: 'succeeded', attempt: 1 });
  }
});

it('take over at once what a killed one held, though its lease has not ended', async () => {
  const store = await bucket();
  await drop(store, 'a.json', { prompt: '40' }, Date.now() - 60_000);
  const victim = start(store, 'drain');
  await victim.reached('a 3');
  victim.child.kill('SIGKILL');
  await victim.ended();
  const held = await statusOf(store, 'a');
  expect(held.state).toBe('running');
  expect(Date.parse(held.lease_until ?? '')).toBeGreaterThan(Date.now() + 10_000);
  const heir = start(store, 'drain');
  expect(await heir.ended()).toBe(0);
  expect(await statusOf(store, 'a')).toMatchObject({ state: 'succeeded', attempt: 2 });
  const notes = (await statusOf(store, 'a')).events.map(({ note }) => note);
  expect(notes).toContainEqual(expect.stringMatching(/^its worker died.*: taken over$/));
});

it('hand back on SIGTERM', async () => {
  const store = await bucket();
  await drop(store, 'a.json', { prompt: '100000' }, Date.now() - 60_000);
  const stopped = start(store, 'serve');
  await stopped.reached('a 2');
  stopped.child.kill('SIGTERM');
  expect(await stopped.ended()).toBe(0);
  expect(await statusOf(store, 'a')).toMatchObject({ state: 'queued', attempt: 1 });
});
