/** What a webhook is told: `{type, timestamp, data}` as Standard Webhooks wants it, under 20 kB. */
import { type JobState, type JobStats, type JobStatus, sha256 } from '@espalier/contracts';

export const EVENT_TYPES = {
  succeeded: 'job.completed',
  failed: 'job.failed',
  cancelled: 'job.cancelled',
  rejected: 'job.rejected',
} as const satisfies Partial<Record<JobState, string>>;
export type EndState = keyof typeof EVENT_TYPES;

export interface PayloadParts {
  readonly status: JobStatus;
  readonly stats?: JobStats;
  readonly tags?: Readonly<Record<string, string>>;
  /** By name: a link to the file, or its key in the bucket. */
  readonly links: Readonly<Record<string, string>>;
}

/** Standard Webhooks asks for less than 20 kB; big things are linked. */
export const PAYLOAD_MAX_BYTES = 20_000;

export function isEnd(state: JobState): state is EndState {
  return state in EVENT_TYPES;
}

/** One id for one end of one submission: whoever announces it again gives it the same id. */
export function webhookIdOf({ id, job_etag, state, finished_at }: JobStatus): string {
  return `msg_${sha256(JSON.stringify([id, job_etag, state, finished_at])).slice(0, 32)}`;
}

export function buildPayload(state: EndState, { status, stats, tags, links }: PayloadParts): string {
  const timestamp = status.finished_at ?? status.updated_at;
  const core = {
    id: status.id,
    state,
    submitted_at: status.submitted_at,
    finished_at: timestamp,
    attempts: status.attempt,
    ...(status.seed !== undefined && { seed: status.seed }),
    ...(status.error !== undefined && { error: { ...status.error, message: cut(status.error.message, 2000) } }),
    links,
  };
  const forms = [
    { ...core, ...(tags && { tags }), ...(stats && { stats }) },
    { ...core, ...(tags && { tags }) },
    core,
    { ...core, links: {} },
  ];
  // What is left out stands in the bucket.
  for (const data of forms) {
    const payload = JSON.stringify({ type: EVENT_TYPES[state], timestamp, data });
    if (Buffer.byteLength(payload) < PAYLOAD_MAX_BYTES) return payload;
  }
  return JSON.stringify({ type: EVENT_TYPES[state], timestamp, data: { id: status.id, state } });
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
