/**
 * `status/<id>.json`: one small record per job, moved only by compare-and-swap on its ETag. Its lease is the
 * claim: whoever wrote it may work on the job until `lease_until`.
 */
import { z } from 'zod';
import { FailureSchema } from './failure.ts';
import { SEED_MAX } from './job-input.ts';
import { StageSchema } from './stages.ts';
import { StageStatsSchema } from './stats.ts';

export const JOB_STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled', 'rejected'] as const;
export const JobStateSchema = z.enum(JOB_STATES);
export type JobState = z.infer<typeof JobStateSchema>;

/** Oldest entries go first once the trail is this long, so that the record stays small. */
export const STATUS_EVENTS_MAX = 64;

const time = z.iso.datetime();

export const StatusEventSchema = z.strictObject({
  at: time,
  state: JobStateSchema,
  stage: StageSchema.optional(),
  attempt: z.int().min(0),
  worker: z.string().optional(),
  /** One line, e.g. `lease expired, taken over`. */
  note: z.string().optional(),
});
export type StatusEvent = z.infer<typeof StatusEventSchema>;

export const JobStatusSchema = z.strictObject({
  id: z.string(),
  state: JobStateSchema,
  /** Key of the job object. A second object that names the same id is refused. */
  source: z.string(),
  /** ETag of the job object this record is about: another one means that the job was submitted anew. */
  job_etag: z.string(),
  /** The seed in use. Drawn once and kept here, so that a second attempt makes the same asset. */
  seed: z.int().min(0).max(SEED_MAX).optional(),
  stage: StageSchema.optional(),
  /** Sampler steps, or shares of other work, done in `stage`. */
  step: z.int().min(0).optional(),
  steps: z.int().min(0).optional(),
  /** Claims so far; the first is 1. */
  attempt: z.int().min(0),
  /** Claims whose work had begun and that ended with their worker's death, without progress in between: three fail the job. */
  crashes: z.int().min(0),
  /** Not to be claimed before, after a fault that may pass. */
  retry_at: time.optional(),
  worker: z.string().optional(),
  /** The claim ends here unless it is renewed. */
  lease_until: time.optional(),
  submitted_at: time,
  updated_at: time,
  finished_at: time.optional(),
  /** What the stages cost that were computed for this job so far, by whichever worker: kept for `stats.json`. */
  stages: z.partialRecord(StageSchema, StageStatsSchema).optional(),
  error: FailureSchema.optional(),
  /** Keys of what the job made, by name, e.g. `model.glb`. */
  results: z.record(z.string(), z.string()).optional(),
  events: z.array(StatusEventSchema),
});
export type JobStatus = z.infer<typeof JobStatusSchema>;

/** States that nothing but a new submission leaves. */
export function isTerminal(state: JobState): boolean {
  return state !== 'queued' && state !== 'running';
}
