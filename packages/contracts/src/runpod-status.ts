/**
 * A job in the shape of RunPod's endpoint API: what its clients get from `/status`, and what its webhooks are told.
 *
 * Source: RunPod documentation, "Endpoint operations" and "Job states".
 */
import { z } from 'zod';
import type { JobStats } from './stats.ts';
import type { JobState, JobStatus } from './status.ts';

export const RUNPOD_STATES = ['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT'] as const;
export type RunpodState = (typeof RUNPOD_STATES)[number];

/** Largest GLB in bytes that goes into JSON as base64: 20 MB then. */
export const GLB_INLINE_BYTES = 14 * 1024 * 1024;

/** Tag that counts how often a failed job was submitted anew. */
export const RETRIES_TAG = 'espalier.retries';

export const RunpodOutputSchema = z
  .object({
    glb_base64: z.string().optional().describe('The GLB file; absent when it is too big to send in JSON'),
    glb_url: z.string().optional().describe('Where to fetch the GLB instead'),
    glb_url_expires_at: z.iso.datetime().optional().describe('End of a link that needs no key'),
    vertex_count: z.int(),
    face_count: z.int(),
    glb_size_bytes: z.int(),
    generation_time_seconds: z.number(),
    seed_used: z.int(),
  })
  .meta({ id: 'Output' });
export type RunpodOutput = z.infer<typeof RunpodOutputSchema>;

export const RunpodStatusSchema = z
  .object({
    id: z.string(),
    status: z.enum(RUNPOD_STATES),
    delayTime: z.int().optional().describe('Milliseconds in the queue'),
    executionTime: z.int().optional().describe('Milliseconds of work'),
    workerId: z.string().optional(),
    retries: z.int().optional(),
    progress: z
      .object({ stage: z.string(), step: z.int().optional(), steps: z.int().optional() })
      .optional()
      .describe('While it runs; not part of RunPod’s API'),
    output: RunpodOutputSchema.optional(),
    error: z.string().optional(),
  })
  .meta({ id: 'RunpodStatus' });
export type RunpodStatus = z.infer<typeof RunpodStatusSchema>;

const STATES: Readonly<Record<JobState, RunpodState>> = {
  queued: 'IN_QUEUE',
  running: 'IN_PROGRESS',
  succeeded: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
  rejected: 'FAILED',
};

export function runpodState(state: JobState, status: JobStatus | undefined): RunpodState {
  const late = (state === 'failed' || state === 'cancelled') && status?.error?.code === 'DEADLINE_EXCEEDED';
  return late ? 'TIMED_OUT' : STATES[state];
}

export interface RunpodStatusParts {
  readonly id: string;
  readonly state: JobState;
  /** Absent while no worker has seen the job. */
  readonly status: JobStatus | undefined;
  readonly tags: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly submittedAt: number;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Of a job that has succeeded; absent when its files are gone. */
  readonly output?: RunpodOutput | undefined;
}

export function runpodStatus({ id, state, status, tags, submittedAt, now, output }: RunpodStatusParts): RunpodStatus {
  const started = startedAt(status);
  const delay = (started === undefined ? now : Date.parse(started)) - submittedAt;
  const ended = status?.finished_at === undefined ? now : Date.parse(status.finished_at);
  const retries = Number(tags[RETRIES_TAG] ?? 0);
  const view: RunpodStatus = {
    id,
    status: runpodState(state, status),
    ...(state !== 'cancelled' && { delayTime: Math.max(0, Math.round(delay)) }),
    ...(started !== undefined && { executionTime: Math.max(0, Math.round(ended - Date.parse(started))) }),
    ...(status?.worker !== undefined && { workerId: status.worker }),
    ...(retries > 0 && { retries }),
  };
  if (state === 'running' && status?.stage !== undefined) {
    view.progress = {
      stage: status.stage,
      ...(status.step !== undefined && { step: status.step }),
      ...(status.steps !== undefined && { steps: status.steps }),
    };
  }
  if (status?.error !== undefined && state !== 'succeeded') view.error = status.error.message;
  if (state !== 'succeeded') return view;
  if (output === undefined) return { ...view, error: 'the result was removed from the store' };
  return { ...view, output };
}

/** When this submission was first worked on. */
export function startedAt(status: JobStatus | undefined): string | undefined {
  return status?.events.find((event) => event.state === 'running')?.at;
}

/** The part of an output that is not the file. */
export function assetNumbers(stats: JobStats): Omit<RunpodOutput, 'glb_base64' | 'glb_url' | 'glb_url_expires_at'> {
  const { vertex_count, face_count, glb_size_bytes, generation_time_seconds, seed_used } = stats;
  return { vertex_count, face_count, glb_size_bytes, generation_time_seconds, seed_used };
}
