/** Two jobs in one inference process, as on a GPU: the second begins while the mesh of the first is extracted. */
import { CancelledError, silentLogger } from '@espalier/contracts';
import { expect, it, onTestFinished } from 'vitest';
import { glbOf, recorder, tinyRuntime } from '../../test/jobs.ts';
import { temporaryStore } from '../../test/temporary.ts';
import { TINY_MODEL, tinyJob } from '../../test/tiny-job.ts';
import { InferenceProcess } from '../inference/inference-process.ts';
import { RemoteNetworks } from '../inference/networks.ts';
import { runJob } from './run-job.ts';
import type { PipelineRuntime } from './runtime.ts';

async function overlappingRuntime(): Promise<PipelineRuntime> {
  const inference = new InferenceProcess({
    folder: TINY_MODEL,
    device: 'cpu',
    threads: 1,
    logger: silentLogger,
    module: new URL('../../test/overlapping-child.ts', import.meta.url),
  });
  onTestFinished(() => inference.close());
  return { ...(await tinyRuntime()), inference, networks: new RemoteNetworks(inference) };
}

const jobs = [tinyJob({ id: 'a' }), tinyJob({ id: 'b', seed: 7 })] as const;

it('makes of each the bytes that it is alone', async () => {
  const [alone, together] = [await temporaryStore(), await temporaryStore()];
  const single = await tinyRuntime();
  for (const job of jobs) await runJob(job, { store: alone, runtime: single });
  const runtime = await overlappingRuntime();
  const record = recorder();
  const deps = { store: together, runtime, onProgress: record.onProgress };
  // The second is submitted when the device is free of the first, as a lane does it.
  let second: Promise<unknown> | undefined;
  const onProgress: typeof record.onProgress = (event) => {
    record.onProgress(event);
    if (event.type === 'device.freed') second = runJob(jobs[1], deps);
  };
  await runJob(jobs[0], { ...deps, onProgress });
  await second;
  expect(record.events.flatMap(({ type, job }) => (type === 'device.freed' ? [job] : []))).toEqual(['a', 'b']);
  for (const { id } of jobs) expect(Buffer.compare(await glbOf(together, id), await glbOf(alone, id))).toBe(0);
  expect(runtime.inference.usage.starts).toBe(1);
});

it('cancels one that is being extracted, and goes on with the other in the same process', async () => {
  const runtime = await overlappingRuntime();
  const store = await temporaryStore();
  const controller = new AbortController();
  let second: Promise<unknown> | undefined;
  const first = runJob(jobs[0], {
    store,
    runtime,
    signal: controller.signal,
    onProgress: ({ type }) => {
      if (type !== 'device.freed') return;
      second = runJob(jobs[1], { store, runtime });
      controller.abort();
    },
  });
  await expect(first).rejects.toBeInstanceOf(CancelledError);
  await second;
  expect((await glbOf(store, 'b')).length).toBeGreaterThan(0);
  await runJob(jobs[0], { store, runtime });
  expect(runtime.inference.usage.starts).toBe(1);
});
