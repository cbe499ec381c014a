/** `espalier serve`: the HTTP API and the web console, with a worker and a notifier in the same process. */
import { randomInt } from 'node:crypto';
import { type Logger, parsePort, type Settings } from '@espalier/contracts';
import { createGateway, type Gateway } from '@espalier/gateway';
import { encodeNotify, type NotifierSettings, parseNotifierSettings, serveNotifier } from '@espalier/notifier';
import { encodeJobTurn, type JobQueue, openQueue } from '@espalier/queue';
import { FolderStore, type ObjectStore } from '@espalier/storage';
import { Worker, WorkerMetrics, watchFolder } from '@espalier/worker';
import { apiKeys, newApiKey } from '../api-keys.ts';
import { chooseModel, openBucket, openLogger, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { listenForInterrupt } from '../interrupt.ts';
import type { CliIo } from '../io.ts';
import { logEvent } from '../log-event.ts';

export interface ServeCommandOptions extends PlaceOptions {
  readonly host?: string;
  readonly port?: string;
  /** False: other processes work on the bucket. */
  readonly worker?: boolean;
  /** Makes a key of this name instead of serving. */
  readonly newKey?: string;
}

const PORT_DEFAULT = 8000;
/** Longer than one try of a delivery takes. Seconds. */
const NOTIFY_VISIBILITY = 120;

/** What the parts of one serving process share. */
interface Serving {
  readonly io: CliIo;
  readonly options: ServeCommandOptions;
  readonly port: number;
  readonly settings: Settings;
  readonly logger: Logger;
  readonly store: ObjectStore;
  readonly metrics: WorkerMetrics;
  readonly notifications: JobQueue;
  /** Present where the notify queue lives in this process, and so the notifier too. */
  readonly notifier?: NotifierSettings;
  readonly signal: AbortSignal;
}

export async function serve(io: CliIo, options: ServeCommandOptions): Promise<ExitCode> {
  if (options.newKey !== undefined) return newApiKey(io, options.newKey);
  const settings = readSettings(io, options);
  const notifier = parseNotifierSettings(io.env);
  const port = options.port === undefined ? PORT_DEFAULT : parsePort(options.port, '--port');
  const logger = await openLogger(settings, 'info');
  const interrupt = listenForInterrupt(io, () => {});
  try {
    // Where there are queues, workers serve them; this process would only compete for the bucket.
    const working = options.worker ?? Object.values(settings.queues).every(({ kind }) => kind === 'memory');
    const embedded = settings.queues.notify.kind === 'memory';
    // Whoever claims jobs or deliveries stands on conditional writes.
    const store = await openBucket(settings, { prove: working || embedded });
    const notifications = await openQueue(settings.queues.notify, {
      name: 'notify',
      visibilitySeconds: NOTIFY_VISIBILITY,
    });
    const metrics = new WorkerMetrics();
    const announce = await announcer(settings);
    const gateway = await createGateway({
      store,
      logger,
      notifications,
      keys: apiKeys(io),
      metrics: metrics.registry,
      localWorkers: () => (working ? 1 : 0),
      ...(notifier.publicUrl !== undefined && { publicUrl: notifier.publicUrl }),
      ...(announce !== undefined && { announce }),
    });
    const { signal } = interrupt;
    const serving: Serving = {
      io,
      options,
      port,
      settings,
      logger,
      store,
      metrics,
      notifications,
      ...(embedded && { notifier }),
      signal,
    };
    try {
      await (working ? serveWithWorker(serving, gateway) : serveAlone(serving, gateway));
    } finally {
      await gateway.close();
    }
    return EXIT.ok;
  } finally {
    interrupt.release();
  }
}

/** Sends a message for each job, where workers wait for messages. */
async function announcer({ queues, leaseSeconds }: Settings): Promise<((job: string) => Promise<void>) | undefined> {
  if (queues.generate.kind === 'memory') return undefined;
  const queue = await openQueue(queues.generate, { name: 'generate', visibilitySeconds: leaseSeconds });
  return (job) => queue.send(encodeJobTurn({ job }));
}

async function serveAlone(serving: Serving, gateway: Gateway): Promise<void> {
  const url = await open(serving, gateway);
  await Promise.all([notify(serving, url), aborted(serving.signal)]);
}

async function serveWithWorker(serving: Serving, gateway: Gateway): Promise<void> {
  const { io, options, settings, store, logger, metrics, notifications, signal } = serving;
  const model = chooseModel(io, settings, options.model);
  const { openPipeline } = await import('../runtime.ts');
  const pipeline = await openPipeline(settings, model, store, logger);
  const count = metrics.hooks('generate').onEvent;
  try {
    const worker = new Worker({
      store,
      runner: pipeline,
      logger,
      random: (bound) => randomInt(bound),
      leaseSeconds: settings.leaseSeconds,
      onEvent: (event) => {
        count(event);
        logEvent(logger.child({ job: event.job }), event);
      },
      onEnd: ({ id }) => {
        gateway.poke(id);
        notifications.send(encodeNotify({ job: id })).catch((error: unknown) => {
          logger.warn({ job: id, err: error }, 'the notifier was not told of the end: it will find it by itself');
        });
      },
      ...(store instanceof FolderStore && {
        watch: (onChange: () => void) => watchFolder(`${store.root}/jobs`, onChange, logger),
      }),
    });
    const url = await open(serving, gateway);
    await Promise.all([notify(serving, url), worker.serve(signal)]);
  } finally {
    await pipeline.close();
  }
}

/** With an SQS queue, webhooks are the notify lane's. */
async function notify(serving: Serving, publicUrl: string): Promise<void> {
  const { notifier, store, notifications: queue, logger, signal } = serving;
  if (notifier === undefined) return;
  await serveNotifier({ store, queue, logger, settings: notifier, embedded: true, publicUrl }, signal);
}

async function open({ io, options, port, store }: Serving, gateway: Gateway): Promise<string> {
  const url = await gateway.listen({ host: options.host ?? '127.0.0.1', port });
  io.err(`Espalier is at ${url}\nIts bucket is ${store.location}. Ctrl-C stops it; what is in progress is kept.\n`);
  return url;
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
