/** A job as RunPod's clients expect it. */
import type { JobState } from '@espalier/contracts';
import { RETRIES_TAG } from '../jobs/control.ts';
import type { JobRecord } from '../jobs/job-records.ts';
import type { Results } from '../jobs/results.ts';
import { TTL_TAG } from '../jobs/run-request.ts';
import type { Output, RunpodState, RunpodStatus } from '../schemas/runpod.ts';
import { startedAt } from './job-view.ts';

const STATES: Readonly<Record<JobState, RunpodState>> = {
  queued: 'IN_QUEUE',
  running: 'IN_PROGRESS',
  succeeded: 'COMPLETED',
  failed: 'FAILED',
  cancelled: 'CANCELLED',
  rejected: 'FAILED',
};

export function runpodState({ state, status }: JobRecord): RunpodState {
  const late = (state === 'failed' || state === 'cancelled') && status?.error?.code === 'DEADLINE_EXCEEDED';
  return late ? 'TIMED_OUT' : STATES[state];
}

/** `policy.ttl` has passed: RunPod then knows nothing of the job. */
export function isExpired({ job, submittedAt }: JobRecord, now: number): boolean {
  const ttl = Number(job?.tags[TTL_TAG] ?? Number.POSITIVE_INFINITY);
  return now > submittedAt + ttl;
}

export interface RunpodViewOptions {
  readonly results: Results;
  readonly inlineBytes: number;
  /** Scheme and host that the caller used, for links. */
  readonly origin: string;
  readonly now: number;
}

export async function runpodStatus(record: JobRecord, options: RunpodViewOptions): Promise<RunpodStatus> {
  const { id, state, status, job } = record;
  const started = startedAt(record);
  const delay = (started === undefined ? options.now : Date.parse(started)) - record.submittedAt;
  const ended = status?.finished_at === undefined ? options.now : Date.parse(status.finished_at);
  const retries = Number(job?.tags[RETRIES_TAG] ?? 0);
  const view: RunpodStatus = {
    id,
    status: runpodState(record),
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
  if (state === 'succeeded') {
    const output = await outputOf(record, options);
    if (output !== undefined) view.output = output;
    else view.error = 'the result was removed from the store';
  }
  return view;
}

/** The worker's own answer. @param inline false: never the file itself, only a link to it */
export async function outputOf(
  record: JobRecord,
  options: RunpodViewOptions,
  inline = true,
): Promise<Output | undefined> {
  const [stats, info] = await Promise.all([options.results.stats(record), options.results.head(record, 'model.glb')]);
  if (stats === undefined || info === undefined) return undefined;
  const fits = inline && info.size <= options.inlineBytes;
  const model = fits ? await options.results.get(record, 'model.glb') : undefined;
  return {
    ...(model === undefined
      ? { glb_url: `${options.origin}/jobs/${encodeURIComponent(record.id)}/model.glb` }
      : { glb_base64: options.results.base64(model) }),
    vertex_count: stats.vertex_count,
    face_count: stats.face_count,
    glb_size_bytes: stats.glb_size_bytes,
    generation_time_seconds: stats.generation_time_seconds,
    seed_used: stats.seed_used,
  };
}
