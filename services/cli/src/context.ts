/** Settings, bucket, model and log of one command, from options before variables before defaults. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, relative, resolve } from 'node:path';
import {
  DEVICES,
  type Device,
  invalidSetting,
  type Logger,
  parseSettings,
  parseStore,
  preferredBundledModel,
  type Settings,
} from '@espalier/contracts';
import { type FileStore, type ObjectStore, type OpenStoreOptions, openStore } from '@espalier/storage';
import type { CliIo } from './io.ts';

export interface PlaceOptions {
  readonly store?: string;
  readonly model?: string;
  readonly device?: string;
}

export function readSettings(io: CliIo, options: PlaceOptions = {}): Settings {
  const settings = parseSettings(io.env, { cores: availableParallelism() });
  return {
    ...settings,
    ...(options.store !== undefined && { store: parseStore(fromCwd(io, options.store), '--store') }),
    ...(options.device !== undefined && { device: deviceOf(options.device) }),
  };
}

export interface ChosenModel {
  /** Folder; or `Org/Repo`, or the short name of a published model, of one in the Hugging Face cache. */
  readonly folder: string;
  readonly bundled: boolean;
}

/** @throws TerminalError MODEL_NOT_FOUND when none is named and none is bundled */
export function chooseModel(io: CliIo, settings: Settings, option: string | undefined): ChosenModel {
  const named = option ?? settings.modelPath;
  if (named !== undefined) {
    const path = fromCwd(io, named);
    // What is no folder is the name of a pulled model, or nothing: the loader knows.
    return { folder: existsSync(path) ? path : named, bundled: false };
  }
  return { folder: preferredBundledModel(), bundled: true };
}

/** @param options `readOnly` for commands that only look; without `prove` for those that claim no jobs */
export async function openBucket(settings: Settings, options: OpenStoreOptions = {}): Promise<ObjectStore & FileStore> {
  return openStore(settings.store, options);
}

/** JSON lines on stderr. @param fallback level when ESPALIER_LOG_LEVEL is silent on it */
export async function openLogger(settings: Settings, fallback: Settings['logLevel']): Promise<Logger> {
  const { destination, pino, stdTimeFunctions } = await import('pino');
  const logger: Logger = pino(
    { level: settings.logLevel ?? fallback ?? 'silent', timestamp: stdTimeFunctions.isoTime, base: null },
    // Synchronous: what is logged last, just before an end, is what is needed most.
    destination({ fd: 2, sync: true }),
  );
  return logger;
}

/** Paths are shown as short as they can be. */
export function shown(io: CliIo, path: string): string {
  const short = relative(io.cwd, path);
  return short === '' || short.startsWith('..') || isAbsolute(short) ? path : short;
}

export function fromCwd(io: CliIo, path: string): string {
  return /^[a-z][a-z0-9+.-]+:/i.test(path) ? path : resolve(io.cwd, path);
}

function deviceOf(value: string): Device {
  const found = DEVICES.find((device) => device === value);
  if (found !== undefined) return found;
  throw invalidSetting('--device', value, `give one of: ${DEVICES.join(', ')}`);
}
