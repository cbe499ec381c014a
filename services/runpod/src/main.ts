/** The RunPod worker's process: settings, model and store once, then RunPod's loop, one test job, or the local API. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  EspalierError,
  LOG_LEVELS,
  type Logger,
  parsePort,
  parseSettings,
  preferredBundledModel,
  type Settings,
  systemClock,
} from '@espalier/contracts';
import { parseNotifierSettings, Sender } from '@espalier/notifier';
import { openRuntime, type PipelineRuntime, runJob, runLane } from '@espalier/pipeline';
import { type ObjectStore, openStore } from '@espalier/storage';
import { parseWorkerArguments, type WorkerArguments } from './arguments.ts';
import { type BucketJobRunner, bucketJobRunner } from './bucket-job.ts';
import { parseRunpodEnvironment, withPublishedPaths } from './environment.ts';
import type { AssetRunner } from './handler.ts';
import { createLocalApi } from './local-api.ts';
import { readLocalTest, runLocalTest } from './local-test.ts';
import { runpodLogger } from './log.ts';
import { Platform } from './platform.ts';
import { ServerlessWorker } from './serverless-worker.ts';

/** RunPod's own development API waits no longer. Milliseconds. */
const API_WEBHOOK_TIMEOUT = 10_000;

const flags = parseWorkerArguments(process.argv.slice(2));
const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stopping.abort());

const logger = runpodLogger({
  json: process.env.RUNPOD_ENDPOINT_ID !== undefined,
  level:
    LOG_LEVELS.find((level) => level === (flags.logLevel ?? process.env.RUNPOD_LOG_LEVEL?.toLowerCase())) ?? 'info',
  write: (line) => void process.stdout.write(line),
});

try {
  process.exitCode = await main(flags, logger);
} catch (error) {
  const known = error instanceof EspalierError ? { code: error.code, remedy: error.remedy } : { err: error };
  logger.error(known, error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

async function main(options: WorkerArguments, log: Logger): Promise<number> {
  const settings = parseSettings(withPublishedPaths(process.env), { cores: availableParallelism() });
  const environment = parseRunpodEnvironment(process.env);
  const { serveApi: isApi, testInput, testOutput } = options;
  const webhooks = isApi ? parseNotifierSettings(process.env) : undefined;
  const isTest = !isApi && (testInput !== undefined || environment.takeUrl === undefined);
  const test = isTest ? await readLocalTest({ testInput, testOutput, folder: process.cwd() }, log) : undefined;
  if (isTest && test === undefined) return 1;
  const store = await openStore(settings.store);
  const runtime = await openModel(settings, log);
  try {
    const run = runnerOf(runtime, store, settings);
    const context = { store, run, logger: log, signal: stopping.signal };
    if (webhooks !== undefined) {
      const sender = new Sender({ ...webhooks, clock: systemClock, timeout: API_WEBHOOK_TIMEOUT });
      return await serveApi({ ...context, sender }, options, environment.endpointId).finally(() => sender.close());
    }
    if (test !== undefined) return await runLocalTest(test, context, stopping.signal);
    const { model, networks } = runtime;
    // Loaded once, before the first job is taken: every job meets a warm model.
    await networks.encodeText('', stopping.signal);
    log.info({ worker: environment.workerId, store: store.location, model: model.name }, 'worker started');
    const runBucketJob = bucketRunnerOf(runtime, store, settings);
    const platform = new Platform({ environment });
    const { concurrency, refreshWorker } = environment;
    const worker = new ServerlessWorker({
      platform,
      store,
      run,
      runBucketJob,
      logger: log,
      refreshWorker,
      concurrency: () => concurrency,
    });
    await worker.serve(stopping.signal);
    log.info({}, 'worker stopped');
    return 0;
  } finally {
    await runtime.close();
  }
}

async function openModel(settings: Settings, log: Logger): Promise<PipelineRuntime> {
  const model = settings.modelPath ?? preferredBundledModel();
  const { device, threads, cpuWorkers, huggingFaceHome, cacheFolder } = settings;
  return openRuntime({
    model,
    device,
    threads,
    cpuWorkers,
    huggingFaceHome,
    digestCache: join(cacheFolder, 'digests'),
    logger: log,
  });
}

function runnerOf(runtime: PipelineRuntime, store: ObjectStore, { saveSeconds }: Settings): AssetRunner {
  return async (job, { signal, onEvent, logger: log }) => {
    await runJob(job, { store, runtime, signal, onProgress: onEvent, logger: log, saveSeconds });
  };
}

/** Jobs of the bucket's get the GPU for the generate lane only: others finish them. */
function bucketRunnerOf(
  runtime: PipelineRuntime,
  store: ObjectStore,
  { saveSeconds, leaseSeconds }: Settings,
): BucketJobRunner {
  return bucketJobRunner({
    store,
    leaseSeconds,
    runner: {
      run: async (job, { signal, onEvent, logger: log, finishHere }) => {
        const told = { signal, onProgress: onEvent, logger: log, ...(finishHere !== undefined && { finishHere }) };
        const deps = { store, runtime, saveSeconds, ...told };
        const result = await runLane('generate', job, deps);
        return 'handOver' in result ? result : result.stats;
      },
    },
  });
}

type ApiContext = Omit<Parameters<typeof createLocalApi>[0], 'endpointId'>;

async function serveApi(
  context: ApiContext,
  options: WorkerArguments,
  endpointId: string | undefined,
): Promise<number> {
  const port = parsePort(options.apiPort, '--rp_api_port');
  const server = createLocalApi({ ...context, endpointId });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, options.apiHost, resolve);
  });
  context.logger.info({}, `listening on http://${options.apiHost}:${port}`);
  await new Promise((resolve) => server.once('close', resolve));
  return 0;
}
