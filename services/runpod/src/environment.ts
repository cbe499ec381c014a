/** What RunPod tells a worker by environment variables (runpod-python 1.12, `serverless/modules`). */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type Environment, TerminalError } from '@espalier/contracts';

export interface RunpodEnvironment {
  /** `RUNPOD_WEBHOOK_GET_JOB`. Absent: the worker runs locally. */
  readonly takeUrl: string | undefined;
  /** `RUNPOD_WEBHOOK_POST_OUTPUT`, still with `$ID` in it. */
  readonly doneUrl: string | undefined;
  /** `RUNPOD_WEBHOOK_PING`. Absent: nothing is pinged. */
  readonly pingUrl: string | undefined;
  /** `RUNPOD_PING_INTERVAL`, milliseconds, cut to whole seconds as RunPod's own worker does. @defaultValue 10,000 */
  readonly pingMilliseconds: number;
  /** `RUNPOD_AI_API_KEY`: sent as it is, without `Bearer`. */
  readonly apiKey: string | undefined;
  /** `RUNPOD_POD_ID`. @defaultValue a new UUID */
  readonly workerId: string;
  /** `RUNPOD_ENDPOINT_ID`. */
  readonly endpointId: string | undefined;
  /** `ESPALIER_RUNPOD_CONCURRENCY`: jobs at once, 1 to 64. @defaultValue 1 */
  readonly concurrency: number;
  /** `ESPALIER_RUNPOD_REFRESH=on`: a fresh worker after every job. @defaultValue false */
  readonly refreshWorker: boolean;
}

/** The protocol this worker speaks, as it says in its pings. */
export const RUNPOD_VERSION = '1.12.0';

/** @throws TerminalError RUNPOD_SETTING_INVALID naming the variable */
export function parseRunpodEnvironment(environment: Environment): RunpodEnvironment {
  const text = (name: string) => {
    const value = environment[name]?.trim();
    return value === undefined || value === '' ? undefined : value;
  };
  const workerId = text('RUNPOD_POD_ID') ?? randomUUID();
  const url = (name: string) => {
    const value = text(name)?.replaceAll('$RUNPOD_POD_ID', workerId);
    if (value === undefined || URL.canParse(value)) return value;
    throw invalid(name, value, 'give the URL that RunPod sets');
  };
  const takeUrl = url('RUNPOD_WEBHOOK_GET_JOB')?.replaceAll('$ID', workerId);
  if (takeUrl !== undefined && !takeUrl.includes('?')) {
    throw invalid('RUNPOD_WEBHOOK_GET_JOB', takeUrl, "it must hold a '?': parameters are added to it with '&'");
  }
  const doneUrl = url('RUNPOD_WEBHOOK_POST_OUTPUT');
  if (takeUrl !== undefined && doneUrl === undefined) {
    throw invalid('RUNPOD_WEBHOOK_POST_OUTPUT', '', 'a worker that takes jobs must be told where results go');
  }
  const concurrency = text('ESPALIER_RUNPOD_CONCURRENCY') ?? '1';
  if (!/^[1-9]\d?$/.test(concurrency) || Number(concurrency) > 64)
    throw invalid('ESPALIER_RUNPOD_CONCURRENCY', concurrency, 'give a whole number from 1 to 64');
  const refresh = text('ESPALIER_RUNPOD_REFRESH')?.toLowerCase() ?? 'off';
  if (refresh !== 'on' && refresh !== 'off') throw invalid('ESPALIER_RUNPOD_REFRESH', refresh, 'give on or off');
  const interval = text('RUNPOD_PING_INTERVAL') ?? '10000';
  if (!/^\d+$/.test(interval)) throw invalid('RUNPOD_PING_INTERVAL', interval, 'give milliseconds');
  return {
    takeUrl,
    doneUrl,
    pingUrl: url('RUNPOD_WEBHOOK_PING'),
    pingMilliseconds: Math.max(1, Math.floor(Number(interval) / 1000)) * 1000,
    apiKey: text('RUNPOD_AI_API_KEY'),
    workerId,
    endpointId: text('RUNPOD_ENDPOINT_ID'),
    concurrency: Number(concurrency),
    refreshWorker: refresh === 'on',
  };
}

/** Where the TRELLIS RunPod worker looks when its variables are not set. */
const PUBLISHED_PATHS = {
  TRELLIS_MODEL_PATH: '/app/models/TRELLIS-text-xlarge',
  HF_HOME: '/app/hf_cache',
} as const;

/** The environment with that worker's own defaults, as far as there is something at them. */
export function withPublishedPaths(
  environment: Environment,
  exists: (path: string) => boolean = existsSync,
): Environment {
  const defaults = Object.entries(PUBLISHED_PATHS).filter(
    ([name, path]) => (environment[name] ?? '').trim() === '' && exists(path),
  );
  return { ...environment, ...Object.fromEntries(defaults) };
}

function invalid(name: string, value: string, remedy: string): TerminalError {
  return new TerminalError(`${name}: '${value}' cannot be used: ${remedy}`, {
    code: 'RUNPOD_SETTING_INVALID',
    field: name,
    remedy,
  });
}
