/** Our own job resources. */
import {
  BAKE_SOURCES,
  JobStatsSchema,
  OUTPUTS,
  STAGES,
  TARGET_FACES_MAX,
  TARGET_FACES_MIN,
  TEXTURE_SIZE_MAX,
  TEXTURE_SIZE_MIN,
  WEBHOOK_FORMATS,
} from '@espalier/contracts';
import { DELIVERY_STATES } from '@espalier/notifier';
import { z } from 'zod';
import { StateSchema, TimeSchema } from './common.ts';

export const STAGE_STATES = ['pending', 'running', 'done', 'cached', 'stopped'] as const;

export const StageViewSchema = z
  .object({
    name: z.enum(STAGES),
    state: z.enum(STAGE_STATES).describe('`cached`: taken from a checkpoint; `stopped`: the job ended here'),
    step: z.int().optional(),
    steps: z.int().optional(),
    seconds: z.number().optional().describe('While the job runs: as the event trail shows; afterwards: as measured'),
    resumed_from_step: z.int().optional(),
  })
  .meta({ id: 'Stage' });
export type StageView = z.infer<typeof StageViewSchema>;

const summary = {
  id: z.string(),
  state: StateSchema,
  cancel_requested: z.boolean(),
  prompt: z.string().optional(),
  seed: z.int().optional(),
  simplify: z.number().optional(),
  texture_size: z.int().optional(),
  tags: z.record(z.string(), z.string()).optional(),
  submitted_at: TimeSchema,
  started_at: TimeSchema.optional(),
  updated_at: TimeSchema.optional(),
  finished_at: TimeSchema.optional(),
  stage: z.enum(STAGES).optional(),
  step: z.int().optional(),
  steps: z.int().optional(),
  attempt: z.int(),
  worker: z.string().optional(),
  error: z
    .object({ code: z.string(), message: z.string(), field: z.string().optional(), remedy: z.string().optional() })
    .optional(),
  files: z.record(z.string(), z.string()).optional().describe('Links to everything it made, by file name'),
  links: z.record(z.string(), z.string()).describe('What can be fetched or asked for in this state'),
};

export const JobSummarySchema = z.object(summary).meta({ id: 'JobSummary' });
export type JobSummary = z.infer<typeof JobSummarySchema>;

export const TrailEntrySchema = z.object({
  at: TimeSchema,
  state: StateSchema,
  stage: z.enum(STAGES).optional(),
  attempt: z.int(),
  worker: z.string().optional(),
  note: z.string().optional(),
});

export const JobViewSchema = z
  .object({
    ...summary,
    stages: z.array(StageViewSchema),
    trail: z.array(TrailEntrySchema).describe('What happened so far; the oldest entries of a long life are dropped'),
    stats: JobStatsSchema.optional().describe('Once the job has succeeded'),
  })
  .meta({ id: 'Job' });
export type JobView = z.infer<typeof JobViewSchema>;

export const JobListSchema = z
  .object({ jobs: z.array(JobSummarySchema), next: z.string().optional().describe('Pass it as `after`') })
  .meta({ id: 'JobList' });

export const ListQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  after: z
    .string()
    .max(200)
    .regex(/^\d{1,15}~.+$/, { error: "not a cursor of this list: pass the 'next' of the page before" })
    .optional()
    .describe('`next` of the page before'),
  state: StateSchema.optional(),
});

export const RefinishSchema = z
  .strictObject({
    simplify: z.number().min(0).max(1).optional(),
    texture_size: z.int().min(TEXTURE_SIZE_MIN).max(TEXTURE_SIZE_MAX).optional(),
    target_faces: z.int().min(TARGET_FACES_MIN).max(TARGET_FACES_MAX).optional(),
    bake_from: z.enum(BAKE_SOURCES).optional(),
    outputs: z.array(z.enum(OUTPUTS)).min(1).optional().describe('Files to make of it, instead of those it has'),
  })
  .meta({ id: 'Refinish', example: { texture_size: 2048 } });

export type RefinishChange = z.infer<typeof RefinishSchema>;

export const SubmittedSchema = z
  .object({
    id: z.string(),
    created: z.boolean().describe('False: this very job was there already'),
    links: z.record(z.string(), z.string()),
  })
  .meta({ id: 'Submitted' });

export const DeliveriesSchema = z
  .object({
    deliveries: z.array(
      z.object({
        webhook_id: z.string(),
        url: z.string(),
        type: z.string(),
        format: z.enum(WEBHOOK_FORMATS),
        state: z.enum(DELIVERY_STATES),
        created_at: TimeSchema,
        next_at: TimeSchema.optional(),
        failures: z.int(),
        replays: z.int(),
        tries: z.array(
          z.object({ at: TimeSchema, seconds: z.number(), status: z.int().optional(), error: z.string().optional() }),
        ),
      }),
    ),
    links: z.object({ replay: z.string() }).optional().describe('Where there is a notifier to ask'),
  })
  .meta({ id: 'Deliveries' });

export const ReplayedSchema = z
  .object({ replayed: z.int().describe('Deliveries that are told again') })
  .meta({ id: 'Replayed' });
