/** `espalier serve`: the HTTP API and the web console, with a worker in the same process. */
import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { TerminalError } from '@espalier/contracts';
import { type ApiKey, createApiKey, createGateway, type Gateway, parseApiKeys } from '@espalier/gateway';
import { FolderStore } from '@espalier/storage';
import { Worker, WorkerMetrics, watchFolder } from '@espalier/worker';
import { chooseModel, fromCwd, openBucket, openLogger, type PlaceOptions, readSettings } from '../context.ts';
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

export async function serve(io: CliIo, options: ServeCommandOptions): Promise<ExitCode> {
  if (options.newKey !== undefined) return newKey(io, options.newKey);
  const settings = readSettings(io, options);
  const logger = await openLogger(settings, 'info');
  const interrupt = listenForInterrupt(io, () => {});
  try {
    const store = await openBucket(settings);
    // Where there are queues, workers serve them; this process would only compete for the bucket.
    const working = options.worker ?? Object.values(settings.queues).every(({ kind }) => kind === 'memory');
    const metrics = new WorkerMetrics();
    const gateway = await createGateway({
      store,
      logger,
      keys: readKeys(io),
      metrics: metrics.registry,
      localWorkers: () => (working ? 1 : 0),
    });
    try {
      if (!working) {
        await open(io, gateway, options, store.location);
        await aborted(interrupt.signal);
        return EXIT.ok;
      }
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
          onEnd: ({ id }) => gateway.poke(id),
          ...(store instanceof FolderStore && {
            watch: (onChange: () => void) => watchFolder(`${store.root}/jobs`, onChange, logger),
          }),
        });
        await open(io, gateway, options, store.location);
        await worker.serve(interrupt.signal);
        return EXIT.ok;
      } finally {
        await pipeline.close();
      }
    } finally {
      await gateway.close();
    }
  } finally {
    interrupt.release();
  }
}

async function open(io: CliIo, gateway: Gateway, options: ServeCommandOptions, location: string): Promise<void> {
  const url = await gateway.listen({ host: options.host ?? '127.0.0.1', port: portOf(options.port) });
  io.err(`Espalier is at ${url}\nIts bucket is ${location}. Ctrl-C stops it; what is in progress is kept.\n`);
}

/** @throws TerminalError API_KEYS_INVALID, API_KEYS_UNREADABLE */
function readKeys(io: CliIo): ApiKey[] {
  const { ESPALIER_API_KEYS: inline = '', ESPALIER_API_KEYS_FILE: file = '' } = io.env;
  const keys = parseApiKeys(inline, 'ESPALIER_API_KEYS');
  if (file === '') return keys;
  try {
    return [...keys, ...parseApiKeys(readFileSync(fromCwd(io, file), 'utf8'), 'ESPALIER_API_KEYS_FILE')];
  } catch (cause) {
    if (cause instanceof TerminalError) throw cause;
    throw new TerminalError(`ESPALIER_API_KEYS_FILE: ${file} cannot be read`, {
      code: 'API_KEYS_UNREADABLE',
      field: 'ESPALIER_API_KEYS_FILE',
      remedy: 'name a file of lines name:sha256 that this user may read',
      cause,
    });
  }
}

function newKey(io: CliIo, name: string): ExitCode {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    throw new TerminalError(`--new-key: '${name}' cannot be a name`, {
      code: 'SETTING_INVALID',
      field: '--new-key',
      remedy: 'give 1 to 64 characters of A-Z a-z 0-9 . _ -',
    });
  }
  const { key, line } = createApiKey(name);
  io.out(`${line}\n`);
  io.err(
    `The key, shown this once:\n\n  ${key}\n\nThe line on standard output belongs into ESPALIER_API_KEYS or the file ESPALIER_API_KEYS_FILE names.\n`,
  );
  return EXIT.ok;
}

function portOf(value: string | undefined): number {
  if (value === undefined) return PORT_DEFAULT;
  const port = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (port >= 0 && port <= 65_535) return port;
  throw new TerminalError(`--port: '${value}' cannot be used: give 0 to 65535`, {
    code: 'SETTING_INVALID',
    field: '--port',
  });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
