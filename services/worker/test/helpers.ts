/** A bucket on disk, time in the test's hands, and a runner that does what the test says. */
import { mkdir, mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HandOver, Job, JobStats, JobStatus, StageName } from '@espalier/contracts';
import { silentLogger } from '@espalier/contracts';
import { FolderStore, readStatus, resultKey } from '@espalier/storage';
import { afterEach } from 'vitest';
import { type JobRunner, type RunOptions, type Timers, Worker, type WorkerOptions } from '../src/index.ts';

const folders: string[] = [];
afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

export async function bucket(): Promise<FolderStore> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-worker-'));
  folders.push(folder);
  return FolderStore.open(folder);
}

/** Drops a file into `jobs/` as a person would. @param at its time, milliseconds since the epoch */
export async function drop(store: FolderStore, name: string, body: unknown, at: number): Promise<void> {
  const path = join(store.root, 'jobs', name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body));
  await utimes(path, at / 1000, at / 1000);
}

export class ManualTime implements Timers {
  #now = Date.UTC(2026, 0, 1);
  readonly #alarms = new Set<{ at: number; readonly ring: () => unknown; readonly period?: number }>();

  readonly clock = { now: () => this.#now };

  every(milliseconds: number, work: () => Promise<void>): () => void {
    return this.#set({ at: this.#now + milliseconds, ring: work, period: milliseconds });
  }

  after(milliseconds: number, work: () => void): () => void {
    return this.#set({ at: this.#now + milliseconds, ring: work });
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      this.#set({ at: this.#now + milliseconds, ring: resolve });
      signal?.addEventListener('abort', () => resolve());
    });
  }

  /** Lets time pass, alarm by alarm, and waits for what each of them starts. */
  async advance(seconds: number): Promise<void> {
    const until = this.#now + seconds * 1000;
    for (;;) {
      const due = [...this.#alarms].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      if (due.period === undefined) this.#alarms.delete(due);
      else due.at += due.period;
      await due.ring();
    }
    this.#now = until;
  }

  #set(alarm: { at: number; ring: () => unknown; period?: number }): () => void {
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }
}

export type Script = (job: Job, options: RunOptions) => Promise<void>;

/** Runs the script, then leaves the result files that a real run leaves. */
export class ScriptedRunner implements JobRunner {
  readonly jobs: Job[] = [];
  readonly #store: FolderStore;
  readonly #script: Script;

  constructor(store: FolderStore, script: Script = async () => {}) {
    this.#store = store;
    this.#script = script;
  }

  async run(job: Job, options: RunOptions): Promise<JobStats | HandOver> {
    this.jobs.push(job);
    await this.#script(job, options);
    const body = new TextEncoder().encode(JSON.stringify({ seed_used: job.input.seed }));
    await this.#store.put(resultKey(job.id, 'model.glb'), body);
    await this.#store.put(resultKey(job.id, 'stats.json'), body);
    return { face_count: 1, glb_size_bytes: body.byteLength, generation_time_seconds: 0 } as JobStats;
  }
}

export function started(stage: StageName, steps?: number) {
  return { type: 'stage.started', job: 'x', stage, ...(steps !== undefined && { steps }) } as const;
}

export function stepped(stage: StageName, step: number, steps: number) {
  return { type: 'stage.step', job: 'x', stage, step, steps } as const;
}

export function worker(
  store: FolderStore,
  time: ManualTime,
  script?: Script,
  options: Partial<WorkerOptions> = {},
): { worker: Worker; runner: ScriptedRunner } {
  const runner = new ScriptedRunner(store, script);
  return {
    runner,
    worker: new Worker({
      store,
      runner,
      logger: silentLogger,
      random: (bound) => bound - 7,
      leaseSeconds: 30,
      clock: time.clock,
      timers: time,
      // Time may pass faster than the disk works: only tests that mean it may call a job hung.
      pace: { stall: 1e9 },
      ...options,
    }),
  };
}

export async function statusOf(store: FolderStore, id: string): Promise<JobStatus> {
  const seen = await readStatus(store, id);
  if (seen === undefined) throw new Error(`no status of ${id}`);
  return seen.status;
}

/** Something that a run waits for and a test gives. */
export function gate(): { readonly opened: Promise<void>; open(): void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

export const forever = new AbortController().signal;

/** Rejects as a run does that is told to stop. */
export function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop);
  });
}

/** Gives the file system its turns until the condition holds. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass until the promise settles. */
export async function whileWaiting(done: Promise<unknown>, pass: () => Promise<void>): Promise<void> {
  let settled = false;
  void done.finally(() => {
    settled = true;
  });
  await until(async () => {
    if (!settled) await pass();
    return settled;
  });
}
