/** Settings come from environment variables and are checked once, at start. */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { TerminalError } from './errors.ts';

export const DEVICES = ['auto', 'cuda', 'cpu'] as const;
export type Device = (typeof DEVICES)[number];
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export interface Settings {
  /** `ESPALIER_STORE`: where jobs, checkpoints and results live. @defaultValue a folder in the user's cache */
  readonly store: StoreLocation;
  /** The user's cache for this program, from `XDG_CACHE_HOME`. */
  readonly cacheFolder: string;
  /** `ESPALIER_QUEUE_GENERATE`, `_FINISH`, `_NOTIFY`. @defaultValue all in memory: the folder is swept instead */
  readonly queues: Readonly<Record<QueueName, QueueLocation>>;
  /** `ESPALIER_DEVICE`. @defaultValue 'auto': an accelerator where there is one */
  readonly device: Device;
  /** `TRELLIS_MODEL_PATH`: folder in the published layout. Absent: the bundled model. */
  readonly modelPath: string | undefined;
  /** `HF_HOME`: where Hugging Face repositories are cached. @defaultValue ~/.cache/huggingface */
  readonly huggingFaceHome: string;
  /** `MAX_JOBS`: workers of the CPU pool. Nothing is compiled. @defaultValue one per core, 4 at most */
  readonly cpuWorkers: number;
  /** `ESPALIER_THREADS`: threads of one network call. Absent: the runtime's own choice. */
  readonly threads: number | undefined;
  /** `ESPALIER_LOG_LEVEL`. @defaultValue what the program that reads it says */
  readonly logLevel: LogLevel | undefined;
  /** `ESPALIER_LEASE_SECONDS`: a silent worker loses its job after this long. @defaultValue 30 */
  readonly leaseSeconds: number;
  /** `ESPALIER_SAVE_SECONDS`: longest sampling work that a crash may lose. @defaultValue 10 */
  readonly saveSeconds: number;
}

/** A folder bucket, with its path and `file:` URL, or a bucket of an S3-compatible store: `s3://bucket/prefix`. */
export type StoreLocation =
  | { readonly kind: 'folder'; readonly path: string; readonly url: string }
  | { readonly kind: 's3'; readonly url: string };

export const QUEUES = ['generate', 'finish', 'notify'] as const;
export type QueueName = (typeof QUEUES)[number];
/** A queue inside the process, or one of SQS by its URL. */
export type QueueLocation = { readonly kind: 'memory' } | { readonly kind: 'sqs'; readonly url: string };

export type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingsHost {
  readonly cores: number;
  /** @defaultValue the user's */
  readonly home?: string;
}

/** @throws TerminalError SETTING_INVALID naming variable, value and remedy */
export function parseSettings(environment: Environment, host: SettingsHost): Settings {
  const home = host.home ?? homedir();
  const text = (name: string) => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const whole = (name: string, fallback: number | undefined, minimum: number, maximum: number) => {
    const value = text(name);
    if (value === undefined) return fallback;
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= minimum && number <= maximum) return number;
    throw invalidSetting(name, value, `give a whole number from ${minimum} to ${maximum}`);
  };
  const oneOf = <T extends string>(name: string, values: readonly T[]): T | undefined => {
    const value = text(name)?.toLowerCase();
    const found = values.find((candidate) => candidate === value);
    if (value === undefined || found !== undefined) return found;
    throw invalidSetting(name, value, `give one of: ${values.join(', ')}`);
  };
  const queue = (suffix: string) =>
    parseQueue(text(`ESPALIER_QUEUE_${suffix}`) ?? 'memory:', `ESPALIER_QUEUE_${suffix}`);
  const cache = text('XDG_CACHE_HOME') ?? join(home, '.cache');
  return {
    store: parseStore(text('ESPALIER_STORE') ?? join(cache, 'espalier', 'bucket')),
    cacheFolder: join(cache, 'espalier'),
    queues: { generate: queue('GENERATE'), finish: queue('FINISH'), notify: queue('NOTIFY') },
    device: oneOf('ESPALIER_DEVICE', DEVICES) ?? 'auto',
    modelPath: text('TRELLIS_MODEL_PATH'),
    huggingFaceHome: text('HF_HOME') ?? join(cache, 'huggingface'),
    cpuWorkers: whole('MAX_JOBS', undefined, 1, 64) ?? Math.max(1, Math.min(4, host.cores)),
    threads: whole('ESPALIER_THREADS', undefined, 1, 256),
    logLevel: oneOf('ESPALIER_LOG_LEVEL', LOG_LEVELS),
    leaseSeconds: whole('ESPALIER_LEASE_SECONDS', undefined, 1, 3600) ?? 30,
    saveSeconds: whole('ESPALIER_SAVE_SECONDS', undefined, 0, 3600) ?? 10,
  };
}

/**
 * Reads a queue's name: `memory:`, or the URL of a standard SQS queue.
 *
 * @param source the variable or option it came from, for the error
 * @throws TerminalError SETTING_INVALID
 */
export function parseQueue(value: string, source: string): QueueLocation {
  if (value === 'memory:') return { kind: 'memory' };
  if (/^https?:\/\/[^/]+\/.+/i.test(value) && URL.canParse(value) && !value.endsWith('.fifo')) {
    return { kind: 'sqs', url: value };
  }
  throw invalidSetting(source, value, 'give memory: or the URL of a standard SQS queue');
}

/**
 * Reads a store's name: `s3://bucket/prefix`, `file:///path`, or a plain path.
 *
 * @param source the variable or option it came from, for the error
 * @throws TerminalError SETTING_INVALID
 */
export function parseStore(value: string, source = 'ESPALIER_STORE'): StoreLocation {
  if (/^s3:\/\/[^/]/i.test(value)) return { kind: 's3', url: value };
  if (/^[a-z][a-z0-9+.-]+:/i.test(value) && !value.toLowerCase().startsWith('file:')) {
    throw invalidSetting(source, value, 'give s3://bucket/prefix, or a folder as a path or as file:///absolute/path');
  }
  let path = value;
  if (value.toLowerCase().startsWith('file:')) {
    try {
      path = fileURLToPath(value);
    } catch (cause) {
      throw invalidSetting(source, value, 'give file:///absolute/path, with three slashes', cause);
    }
  }
  const absolute = isAbsolute(path) ? path : resolve(path);
  return { kind: 'folder', path: absolute, url: pathToFileURL(absolute).href };
}

/**
 * A port to listen on, 0 for any that is free.
 *
 * @throws TerminalError SETTING_INVALID
 */
export function parsePort(value: string, source: string): number {
  const port = /^\d+$/.test(value) ? Number(value) : Number.NaN;
  if (port >= 0 && port <= 65_535) return port;
  throw invalidSetting(source, value, 'give a whole number from 0 to 65535');
}

/** A setting or option that cannot be used: its name, what it is, and what to give instead. */
export function invalidSetting(name: string, value: string, remedy: string, cause?: unknown): TerminalError {
  return new TerminalError(`${name}: '${value}' cannot be used: ${remedy}`, {
    code: 'SETTING_INVALID',
    field: name,
    remedy,
    cause,
  });
}
