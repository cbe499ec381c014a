/** RunPod's public endpoint API, as its own clients speak it. */
import {
  BAKE_SOURCES,
  DEADLINE_SECONDS_MAX,
  OUTPUTS,
  PROMPT_MAX_CHARACTERS,
  RUNPOD_STATES,
  SEED_MAX,
  SIMPLIFY_DEFAULT,
  TARGET_FACES_MAX,
  TARGET_FACES_MIN,
  TEXTURE_SIZE_DEFAULT,
  TEXTURE_SIZE_MAX,
  TEXTURE_SIZE_MIN,
  WEBHOOK_FORMATS,
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

/** Job ids, for those who look for a job and those who name one. */
const id = z.string().regex(/^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,127}$/);

const envelope = {
  webhook: z
    .url({ protocol: /^https?$/ })
    .max(2048)
    .nullish()
    .describe('Told when the job ends'),
  webhook_format: z
    .enum(WEBHOOK_FORMATS)
    .optional()
    .describe('What it is told: the answer of /status (`runpod`, the default here) or a Standard Webhooks event'),
  policy: PolicySchema.nullish(),
  id: id.optional().describe('Your own name for the job; the same id gives the same job'),
  outputs: z.array(z.enum(OUTPUTS)).min(1).optional(),
  target_faces: z
    .int()
    .min(TARGET_FACES_MIN)
    .max(TARGET_FACES_MAX)
    .optional()
    .describe('Faces to keep; `simplify` does not count then'),
  bake_from: z.enum(BAKE_SOURCES).optional().describe('Where the base colour comes from'),
  deadline_seconds: z.number().min(1).max(DEADLINE_SECONDS_MAX).optional(),
  tags: z.record(z.string().max(128), z.string().max(256)).optional().describe('At most 50'),
};

const NewAssetSchema = z
  .strictObject({
    input: InputSchema,
    ...envelope,
    sampler: z.strictObject({ structure: SamplerSchema.optional(), latent: SamplerSchema.optional() }).optional(),
  })
  .meta({ id: 'RunRequest', example: { input: { prompt: 'A wooden treasure chest' } } });

const AnotherFinishSchema = z
  .strictObject({
    from: id.describe(
      'Id of an earlier job, whose prompt, seed and sampler this one takes over: no network runs again',
    ),
    input: InputSchema.pick({ simplify: true, texture_size: true }).optional(),
    ...envelope,
  })
  .meta({ id: 'FinishRequest', example: { from: 'chest', input: { texture_size: 2048 } } });

export const RunBodySchema = z.union([NewAssetSchema, AnotherFinishSchema]);

export const StreamSchema = z
  .object({
    id: z.string(),
    status: z.enum(RUNPOD_STATES),
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
