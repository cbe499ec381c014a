/** Where everything lies in a bucket. No other file spells a key out. */

export const JOBS_PREFIX = 'jobs/';
export const STATUS_PREFIX = 'status/';
export const CHECKPOINTS_PREFIX = 'checkpoints/';
export const RESULTS_PREFIX = 'results/';
export const REJECTED_PREFIX = 'rejected/';
export const CANCEL_PREFIX = 'cancel/';
export const WEBHOOKS_PREFIX = 'webhooks/';
export const DEAD_LETTERS_PREFIX = 'dead-letters/';
export const DISPATCH_PREFIX = 'dispatch/';
export const PROBE_PREFIX = 'probe/';

/** The job as it was submitted; never changed by a worker. */
export const jobKey = (id: string): string => `${JOBS_PREFIX}${id}.json`;

/** The one record of a job's state, moved by compare-and-swap. */
export const statusKey = (id: string): string => `${STATUS_PREFIX}${id}.json`;

/** @param digest SHA-256 over everything that decides the content */
export const checkpointKey = (stage: string, digest: string): string =>
  `${CHECKPOINTS_PREFIX}${stage}/${digest}.safetensors`;

export const resultsPrefix = (id: string): string => `${RESULTS_PREFIX}${id}/`;

/** @param name `model.glb`, `stats.json`, ... */
export const resultKey = (id: string, name: string): string => `${resultsPrefix(id)}${name}`;

/** Why a job was refused. */
export const rejectedKey = (id: string): string => `${REJECTED_PREFIX}${id}.json`;

/** An object of any content under this key asks for the end of the job. */
export const cancelKey = (id: string): string => `${CANCEL_PREFIX}${id}`;

/** What became of telling a job's webhook about one of its ends. */
export const webhookKey = (id: string, webhookId: string): string => `${WEBHOOKS_PREFIX}${id}/${webhookId}.json`;

/** Why a message was taken off its queue, and what it said. @param name of the message */
export const deadLetterKey = (name: string): string => `${DEAD_LETTERS_PREFIX}${name}.json`;

/** Under which id another service has the job in its hands. */
export const dispatchKey = (id: string): string => `${DISPATCH_PREFIX}${id}.json`;

/** Who looked through the bucket last. */
export const SWEEP_KEY = 'sweep.json';

/** Written and removed at start, to see that the store enforces conditions. */
export const probeKey = (name: string): string => `${PROBE_PREFIX}${name}`;

/** The id in a key of the form `<prefix><id>.json`. */
export function idFromKey(prefix: string, key: string): string | undefined {
  if (!key.startsWith(prefix) || !key.endsWith('.json')) return undefined;
  const id = key.slice(prefix.length, -'.json'.length);
  return id === '' || id.includes('/') ? undefined : id;
}
