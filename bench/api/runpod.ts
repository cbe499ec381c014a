/** From the moment the platform lets go of a job to the first sampler step of its run, beside a bare round trip. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@espalier/contracts';
import { FolderStore } from '@espalier/storage';
import { Platform, parseRunpodEnvironment, ServerlessWorker } from '../../services/runpod/src/index.ts';
import { FakeRunpod } from '../../services/runpod/test/fake-runpod.ts';
import { GatedRunner } from '../../services/runpod/test/gated-runner.ts';
import { Client } from './load.ts';

export interface TakeFigures {
  /** Milliseconds, one per job. */
  readonly toFirstStep: readonly number[];
  /** Milliseconds of a request that the platform answers at once. */
  readonly roundTrips: readonly number[];
}

export async function takeToFirstStep(jobs: number): Promise<TakeFigures> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-runpod-'));
  const store = await FolderStore.open(folder);
  const runpod = new FakeRunpod();
  await runpod.start();
  const environment = parseRunpodEnvironment(runpod.environment);
  const runner = new GatedRunner(store);
  const stopping = new AbortController();
  const worker = new ServerlessWorker({
    platform: new Platform({ environment }),
    store,
    run: runner.run,
    logger: silentLogger,
  });
  const serving = worker.serve(stopping.signal);
  const toFirstStep: number[] = [];
  const roundTrips: number[] = [];
  const { origin } = new URL(environment.takeUrl ?? '');
  const client = new Client(origin);
  for (let i = 0; i < jobs; i += 1) {
    const id = `job-${i}`;
    runpod.submit(id, { prompt: 'A small wooden box', seed: i });
    while (runpod.resultOf(id) === undefined) await new Promise((resolve) => setTimeout(resolve, 2));
    toFirstStep.push((runner.firstStepAt.get(id) ?? Number.NaN) - (runpod.handedOut.get(id) ?? Number.NaN));
    roundTrips.push((await client.send('GET', '/nothing')).milliseconds);
  }
  client.close();
  stopping.abort();
  await serving;
  await runpod.stop();
  await rm(folder, { recursive: true, force: true });
  return { toFirstStep, roundTrips };
}
