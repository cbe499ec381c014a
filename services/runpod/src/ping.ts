/**
 * Tells RunPod that this worker lives, from a thread of its own: baking on the main thread, or a loop that blocks
 * it, must not look like death.
 */
import { Worker } from 'node:worker_threads';
import type { Logger } from '@espalier/contracts';
import type { RunpodEnvironment } from './environment.ts';
import { RUNPOD_VERSION } from './environment.ts';

export interface PingSettings {
  readonly url: string;
  readonly milliseconds: number;
  readonly apiKey: string;
  readonly version: string;
}

export interface Ping {
  /** Tells the thread which jobs are in progress. */
  jobs(ids: readonly string[]): void;
  stop(): Promise<void>;
}

const SILENT: Ping = { jobs: () => {}, stop: async () => {} };

/** Without URL or key nothing is pinged, as in RunPod's own worker. */
export function startPing(environment: RunpodEnvironment, logger: Logger): Ping {
  const { pingUrl, apiKey, pingMilliseconds } = environment;
  if (pingUrl === undefined || apiKey === undefined) return SILENT;
  const settings: PingSettings = { url: pingUrl, milliseconds: pingMilliseconds, apiKey, version: RUNPOD_VERSION };
  const thread = new Worker(new URL('./ping-thread.js', import.meta.url), { workerData: settings, execArgv: [] });
  thread.unref();
  thread.on('error', (error) => logger.error({ err: error }, 'the ping thread died'));
  thread.on('message', (fault: string) => logger.warn({ fault }, 'a ping did not get through'));
  return {
    jobs: (ids) => thread.postMessage(ids),
    stop: async () => {
      await thread.terminate();
    },
  };
}
