/** The pipeline, opened for a command. Loaded only by commands that run it: it brings the networks' code along. */
import { join } from 'node:path';
import type { Job, JobStats, Logger, Settings } from '@espalier/contracts';
import { type ModelFacts, openRuntime, type PipelineRuntime, runJob } from '@espalier/pipeline';
import type { ObjectStore } from '@espalier/storage';
import type { RunOptions } from '@espalier/worker';
import type { ChosenModel } from './context.ts';

export interface Pipeline {
  readonly runtime: PipelineRuntime;
  run(job: Job, options: RunOptions): Promise<JobStats>;
  close(): Promise<void>;
}

/**
 * @param facts what the model is, on machines that do not have it and run no networks
 * @throws TerminalError MODEL_*
 */
export async function openPipeline(
  settings: Settings,
  model: ChosenModel,
  store: ObjectStore,
  logger: Logger,
  facts?: ModelFacts,
): Promise<Pipeline> {
  const { device, threads, cpuWorkers, huggingFaceHome, saveSeconds } = settings;
  const runtime = await openRuntime({
    model: model.folder,
    facts,
    device,
    threads,
    cpuWorkers,
    huggingFaceHome,
    digestCache: join(settings.cacheFolder, 'digests'),
    logger,
  });
  return {
    runtime,
    run: async (job, options) => {
      const { signal, onEvent, logger: jobLogger, earlier } = options;
      const deps = { store, runtime, logger: jobLogger, signal, onProgress: onEvent, saveSeconds, earlier };
      return (await runJob(job, deps)).stats;
    },
    close: () => runtime.close(),
  };
}
