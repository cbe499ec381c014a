/**
 * What a job costs beside networks and geometry: planning, checkpoints, IPC, threads, results, stats. First embedded, on
 * a folder bucket; then in production, on S3 and SQS, which is the bench `production` with its own goals.
 *
 *     npm run bench -- orchestration [jobs=5000] [--save]
 *
 * Orchestration is the wall time of `runJob` less the time that the inference process and the CPU threads measured
 * inside their own calls. Jobs of the tiny model, each with a seed of its own, on a folder bucket; the first job also
 * starts the process and opens the networks, and is shown apart. On a busy machine the median carries the waiting for
 * a core, the best run hardly does.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Job } from '@espalier/contracts';
import { openRuntime, type PipelineRuntime, runJob } from '@espalier/pipeline';
import { FolderStore, type ObjectStore } from '@espalier/storage';
import { run as runProduction } from '../production/index.ts';
import type { BenchReport } from '../report.ts';
import { measureFullSizeCheckpoint } from './full-size-checkpoint.ts';

const MODEL = fileURLToPath(new URL('../../models/trellis-tiny', import.meta.url));
const JOBS = 9;
const CACHED_JOBS = 50;

interface Cost {
  readonly wall: number;
  readonly networks: number;
  readonly geometry: number;
  readonly orchestration: number;
  /** Part of it: waiting for the bucket, whose writes are durable. */
  readonly store: number;
  /** Part of it: work of the main thread. The rest is waiting for other processes and threads to get a core. */
  readonly mainThread: number;
}

export async function run(args: readonly string[]): Promise<BenchReport> {
  const embedded = await runEmbedded();
  const production = await runProduction(args);
  return {
    rows: [...embedded.rows, ...production.rows],
    figures: { ...embedded.figures, production: production.figures },
    goals: [...embedded.goals, ...production.goals],
  };
}

async function runEmbedded(): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  const runtime = await openRuntime({ model: MODEL, device: 'cpu', cpuWorkers: 1 });
  try {
    const store = await FolderStore.open(folder);
    const first = await measure(store, runtime, job('first', 0));
    const fresh: Cost[] = [];
    for (let i = 1; i <= JOBS; i++) fresh.push(await measure(store, runtime, job(`fresh-${i}`, i)));
    const cached: Cost[] = [];
    for (let i = 1; i <= CACHED_JOBS; i++) cached.push(await measure(store, runtime, job(`cached-${i}`, 1)));
    const large = await measureFullSizeCheckpoint(store);
    const rowsOf = (name: string, cost: Cost) =>
      [
        ['wall', cost.wall],
        ['networks', cost.networks],
        ['geometry', cost.geometry],
        ['orchestration', cost.orchestration],
        ['of it store', cost.store],
        ['of it main thread', cost.mainThread],
      ].map(([part, seconds]) => ({ figure: `${name}: ${part}, ms`, value: Number(seconds) * 1000 }));
    const ordered = fresh.toSorted((a, b) => a.orchestration - b.orchestration);
    const orderedCached = cached.toSorted((a, b) => a.orchestration - b.orchestration);
    const best = ordered[0] as Cost; // JOBS > 0
    return {
      rows: [
        ...rowsOf('first: starts process, opens networks', first),
        ...rowsOf(`fresh, median of ${JOBS}`, median(ordered)),
        ...rowsOf(`fresh, best of ${JOBS}`, best),
        ...rowsOf(`cached, median of ${CACHED_JOBS}`, median(orderedCached)),
      ],
      figures: { first, fresh: ordered, cached_median: median(orderedCached), full_size_decode_checkpoint: large },
      goals: [
        { name: 'orchestration of a fresh job in ms, best run', value: best.orchestration * 1000, limit: 100 },
        { name: 'wall time of a cached job in ms, median', value: median(orderedCached).wall * 1000, limit: 100 },
      ],
    };
  } finally {
    await runtime.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(store: FolderStore, runtime: PipelineRuntime, work: Job): Promise<Cost> {
  const before = { networks: runtime.inference.usage.seconds, geometry: runtime.cpu.seconds };
  const timed = timedStore(store);
  const started = performance.now();
  const loop = performance.eventLoopUtilization();
  await runJob(work, { store: timed.store, runtime });
  const mainThread = performance.eventLoopUtilization(loop).active / 1000;
  const wall = (performance.now() - started) / 1000;
  const networks = runtime.inference.usage.seconds - before.networks;
  const geometry = runtime.cpu.seconds - before.geometry;
  const orchestration = wall - networks - geometry;
  return { wall, networks, geometry, orchestration, store: timed.seconds(), mainThread };
}

/** The store, with a watch on every call. */
function timedStore(store: ObjectStore): { store: ObjectStore; seconds(): number } {
  let seconds = 0;
  const timed = async <T>(call: Promise<T>): Promise<T> => {
    const started = performance.now();
    try {
      return await call;
    } finally {
      seconds += (performance.now() - started) / 1000;
    }
  };
  return {
    seconds: () => seconds,
    store: {
      location: store.location,
      get: (key, options) => timed(store.get(key, options)),
      head: (key) => timed(store.head(key)),
      put: (key, body, options) => timed(store.put(key, body, options)),
      delete: (key, options) => timed(store.delete(key, options)),
      list: (prefix, options) => timed(store.list(prefix, options)),
    },
  };
}

function job(id: string, seed: number): Job {
  return {
    id,
    input: { prompt: 'A wooden treasure chest', seed, simplify: 0.95, texture_size: 512 },
    outputs: ['glb'],
    sampler: {},
    tags: {},
  };
}

function median(ordered: readonly Cost[]): Cost {
  return ordered[Math.floor(ordered.length / 2)] as Cost; // never empty
}
