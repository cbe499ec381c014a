/** RunPod's public endpoint API, as its own clients speak it. */
import {
  DEADLINE_SECONDS_MAX,
  OUTPUTS,
  PROMPT_MAX_CHARACTERS,
  SEED_MAX,
  SIMPLIFY_DEFAULT,
  TEXTURE_SIZE_DEFAULT,
  TEXTURE_SIZE_MAX,
  TEXTURE_SIZE_MIN,
} from '@espalier/contracts';
import { z } from 'zod';

/** The parameters on the wire. `parseJob` decides; this says the same to readers of the OpenAPI document. */
export const InputSchema = z
  .strictObject({
    prompt: z
      .string()
      .min(1)
      .max(PROMPT_MAX_CHARACTERS)
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the separators 1C to 1F count as white space
      .regex(/[^\s\x1c-\x1f\x85]/)
      .describe('What to make'),
    seed: z.int().min(0).max(SEED_MAX).nullish().describe('Same seed, same asset. Drawn when absent.'),
    simplify: z.number().min(0).max(1).optional().describe(`Share of faces REMOVED. Default ${SIMPLIFY_DEFAULT}`),
    texture_size: z
      .int()
      .min(TEXTURE_SIZE_MIN)
      .max(TEXTURE_SIZE_MAX)
      .optional()
      .describe(`Texture edge in pixels. Default ${TEXTURE_SIZE_DEFAULT}`),
  })
  .meta({ id: 'Input' });

export const PolicySchema = z
  .strictObject({
    executionTimeout: z
      .int()
      .min(5000)
      .max(DEADLINE_SECONDS_MAX * 1000)
      .optional()
      .describe('Milliseconds from submission after which the job is given up'),
    ttl: z
      .int()
      .min(10_000)
      .max(DEADLINE_SECONDS_MAX * 1000)
      .optional()
      .describe('Milliseconds from submission after which the job is not found any more'),
    lowPriority: z.boolean().optional().describe('Taken and not used: jobs are served in the order they came'),
  })
  .meta({ id: 'Policy' });

const SamplerSchema = z.strictObject({
  steps: z.int().min(1).max(1000).optional(),
  cfg_strength: z.number().min(0).max(100).optional(),
  cfg_interval: z
    .tuple([z.number().min(0).max(1), z.number().min(0).max(1)])
    .optional()
    .describe('[from, to], from <= to'),
  rescale_t: z.number().min(0.01).max(100).optional(),
});

export const RunBodySchema = z
  .strictObject({
    input: InputSchema,
    webhook: z
      .url({ protocol: /^https?$/ })
      .max(2048)
      .optional()
      .describe('Told when the job ends'),
    policy: PolicySchema.nullish(),
    id: z
      .string()
      .regex(/^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,127}$/)
      .optional()
      .describe('Your own name for the job; the same id gives the same job'),
    outputs: z.array(z.enum(OUTPUTS)).min(1).optional(),
    sampler: z.strictObject({ structure: SamplerSchema.optional(), latent: SamplerSchema.optional() }).optional(),
    deadline_seconds: z.number().min(1).max(DEADLINE_SECONDS_MAX).optional(),
    tags: z.record(z.string().max(128), z.string().max(256)).optional().describe('At most 50'),
  })
  .meta({ id: 'RunRequest', example: { input: { prompt: 'A wooden treasure chest' } } });

export const RUNPOD_STATES = ['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT'] as const;
export type RunpodState = (typeof RUNPOD_STATES)[number];
const state = z.enum(RUNPOD_STATES);

export const OutputSchema = z
  .object({
    glb_base64: z.string().optional().describe('The GLB file; absent when it is too big to send in JSON'),
    glb_url: z.string().optional().describe('Where to fetch the GLB instead'),
    vertex_count: z.int(),
    face_count: z.int(),
    glb_size_bytes: z.int(),
    generation_time_seconds: z.number(),
    seed_used: z.int(),
  })
  .meta({ id: 'Output' });
export type Output = z.infer<typeof OutputSchema>;

export const RunpodStatusSchema = z
  .object({
    id: z.string(),
    status: state,
    delayTime: z.int().optional().describe('Milliseconds in the queue'),
    executionTime: z.int().optional().describe('Milliseconds of work'),
    workerId: z.string().optional(),
    retries: z.int().optional(),
    progress: z
      .object({ stage: z.string(), step: z.int().optional(), steps: z.int().optional() })
      .optional()
      .describe('While it runs; not part of RunPod’s API'),
    output: OutputSchema.optional(),
    error: z.string().optional(),
  })
  .meta({ id: 'RunpodStatus' });
export type RunpodStatus = z.infer<typeof RunpodStatusSchema>;

export const StreamSchema = z
  .object({
    id: z.string(),
    status: state,
    stream: z.array(z.object({ output: z.record(z.string(), z.unknown()) })),
    error: z.string().optional(),
  })
  .meta({ id: 'Stream' });
export type StreamAnswer = z.infer<typeof StreamSchema>;

export const HealthSchema = z
  .object({
    jobs: z.object({ completed: z.int(), failed: z.int(), inProgress: z.int(), inQueue: z.int(), retried: z.int() }),
    workers: z.object({
      idle: z.int(),
      initializing: z.int(),
      ready: z.int(),
      running: z.int(),
      throttled: z.int(),
      unhealthy: z.int(),
    }),
  })
  .meta({ id: 'Health' });

export const PurgeSchema = z.object({ removed: z.int(), status: z.literal('completed') }).meta({ id: 'Purged' });

export const WaitQuery = z.object({
  wait: z.coerce.number().int().min(1000).max(300_000).default(90_000).describe('Milliseconds to wait for the end'),
});
export const TtlQuery = z.object({ ttl: z.string().optional().describe('Taken for compatibility') });
