/** `espalier worker` where there are queues: serves the lanes it is told to, and the notifier when asked. */
import { randomInt } from 'node:crypto';
import type { Logger, Settings, WorkLane } from '@espalier/contracts';
import { TerminalError } from '@espalier/contracts';
import type { ModelFacts } from '@espalier/pipeline';
import { type JobQueue, openQueue } from '@espalier/queue';
import { type ObjectStore, openStore } from '@espalier/storage';
import type { JobRunner, LaneQueues, LaneSettings } from '@espalier/worker';
import { type ChosenModel, chooseModel, openBucket, openLogger, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { readHubSettings } from '../hub-settings.ts';
import { listenForInterrupt } from '../interrupt.ts';
import type { CliIo } from '../io.ts';

export interface LanesCommandOptions extends PlaceOptions {
  readonly lanes?: string;
}

/** Whether the settings name queues, or the options lanes. */
export function servesQueues(io: CliIo, options: LanesCommandOptions, settings: Settings): boolean {
  if (options.lanes !== undefined || (io.env.ESPALIER_LANES ?? '') !== '') return true;
  return Object.values(settings.queues).some(({ kind }) => kind === 'sqs');
}

export async function serveQueues(io: CliIo, options: LanesCommandOptions): Promise<ExitCode> {
  const { parseLaneSettings, serveLanes, serveMetrics, WorkerMetrics } = await import('@espalier/worker');
  const settings = readSettings(io, options);
  const laneSettings = parseLaneSettings(io.env, options.lanes);
  const logger = await openLogger(settings, 'info');
  const interrupt = listenForInterrupt(io, () => {});
  const closers: (() => Promise<void>)[] = [];
  try {
    const store = await openBucket(settings);
    const queues = await openQueues(settings, laneSettings);
    const metrics = new WorkerMetrics();
    if (laneSettings.metricsPort !== undefined) {
      const server = await serveMetrics(metrics, laneSettings.metricsPort);
      closers.push(() => server.close());
    }
    const work: Promise<void>[] = [];
    const lanes = laneSettings.lanes.filter((lane) => lane !== 'notify');
    if (lanes.length > 0) {
      const runnerFor = await openRunners(io, options, settings, lanes, store, logger, closers);
      work.push(
        serveLanes(
          {
            lanes,
            store,
            queues,
            large: laneSettings.large,
            runnerFor,
            logger,
            random: (bound) => randomInt(bound),
            leaseSeconds: settings.leaseSeconds,
            width: { generate: 1, finish: settings.cpuWorkers },
            sweepSeconds: laneSettings.sweepSeconds,
            spotNotice: laneSettings.spotNotice,
            metrics,
          },
          interrupt.signal,
        ),
      );
    }
    if (laneSettings.lanes.includes('notify')) work.push(notify(io, store, queues.notify, logger, interrupt.signal));
    await Promise.all(work);
    logger.info({}, 'worker stopped');
    return EXIT.ok;
  } finally {
    interrupt.release();
    for (const close of closers.reverse()) await close();
  }
}

/** The queues that the settings name. A job that ends is told only where there is a notify queue. */
async function openQueues(settings: Settings, lanes?: LaneSettings): Promise<LaneQueues> {
  // A queue shows a message again about when the claim on its job ends.
  const visibilitySeconds = settings.leaseSeconds;
  const { generate, finish, notify } = settings.queues;
  return {
    generate: await openQueue(generate, { name: 'generate', visibilitySeconds }),
    finish: await openQueue(finish, { name: 'finish', visibilitySeconds }),
    ...(notify.kind === 'sqs' && { notify: await openQueue(notify, { name: 'notify', visibilitySeconds: 120 }) }),
    ...(lanes?.generateLarge !== undefined && {
      generateLarge: await openQueue(lanes.generateLarge, { name: 'generate-large', visibilitySeconds }),
    }),
  };
}

async function openRunners(
  io: CliIo,
  options: LanesCommandOptions,
  settings: Settings,
  lanes: readonly WorkLane[],
  store: ObjectStore,
  logger: Logger,
  closers: (() => Promise<void>)[],
): Promise<(lane: WorkLane) => JobRunner> {
  const model = chooseModel(io, settings, options.model);
  // Only the generate lane runs networks.
  const facts = lanes.includes('generate') ? undefined : await factsOfMirror(io, settings, model, logger);
  const { openPipeline } = await import('../runtime.ts');
  const { runLane } = await import('@espalier/pipeline');
  const { runtime, close } = await openPipeline(settings, model, store, logger, facts);
  closers.push(close);
  logger.info({ model: runtime.model.name, revision: runtime.model.revision }, 'model opened');
  return (lane) => ({
    run: async (job, { signal, onEvent, logger: jobLogger, earlier, justHandedOver, seedDrawn, finishHere }) => {
      const { saveSeconds } = settings;
      const deps = {
        store,
        runtime,
        logger: jobLogger,
        signal,
        onProgress: onEvent,
        saveSeconds,
        earlier,
        justHandedOver,
        seedDrawn,
        finishHere,
      };
      const result = await runLane(lane, job, deps);
      return 'handOver' in result ? result : result.stats;
    },
  });
}

/** What a mirror says of the model, where there is a mirror: then the model itself need not be here. */
async function factsOfMirror(
  io: CliIo,
  settings: Settings,
  model: ChosenModel,
  logger: Logger,
): Promise<ModelFacts | undefined> {
  const { mirror } = await readHubSettings(io, settings, {});
  const { repositoryOf } = await import('@espalier/trellis');
  const name = repositoryOf(model.folder);
  if (mirror === undefined || name === undefined) return undefined;
  const { readMirrorFacts } = await import('../mirror-facts.ts');
  const store = await openStore(mirror, { readOnly: true });
  const facts = await readMirrorFacts(store, name);
  if (facts === undefined) {
    const remedy = `espalier models push ${name} ${store.location}`;
    logger.warn(
      { model: name, mirror: store.location, remedy },
      'the mirror does not say what the model is: it is to be here',
    );
  }
  return facts;
}

async function notify(
  io: CliIo,
  store: ObjectStore,
  queue: JobQueue | undefined,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  if (queue === undefined) throw noNotifyQueue();
  const { parseNotifierSettings, serveNotifier } = await import('@espalier/notifier');
  logger.info({ lane: 'notify', queue: queue.location }, 'lane opened');
  await serveNotifier({ store, queue, settings: parseNotifierSettings(io.env), logger }, signal);
}

export function noNotifyQueue(): TerminalError {
  return new TerminalError('webhooks need a queue that outlives the process', {
    code: 'SETTING_INVALID',
    field: 'ESPALIER_QUEUE_NOTIFY',
    remedy: 'set ESPALIER_QUEUE_NOTIFY to the URL of an SQS queue',
  });
}
