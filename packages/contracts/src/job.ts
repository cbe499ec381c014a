/** A job as it stands in `jobs/<id>.json`, in a queue message or in a request: checked here, once. */
import { z } from 'zod';
import { JobIdSchema } from './job-id.ts';
import { type JobInput, JobInputSchema } from './job-input.ts';
import { DEFAULT_OUTPUTS, OUTPUTS, type Output } from './outputs.ts';
import { quoted } from './shown-value.ts';
import { TagsSchema } from './tags.ts';

export const DEADLINE_SECONDS_MAX = 7 * 24 * 3600;

const between = (field: string, minimum: number, maximum: number) =>
  z
    .number({ error: `'${field}' must be a number` })
    .min(minimum, { error: `'${field}' must be between ${minimum} and ${maximum}` })
    .max(maximum, { error: `'${field}' must be between ${minimum} and ${maximum}` });

const wholeBetween = (field: string, minimum: number, maximum: number) =>
  between(field, minimum, maximum).int({ error: `'${field}' must be an integer` });

const share = (field: string) => between(field, 0, 1);

/** Each field overrides the model's own sampler setting of that name (`pipeline.json`, `params`). */
const samplerSchema = (name: string) =>
  z.strictObject(
    {
      steps: wholeBetween(`sampler.${name}.steps`, 1, 1000).optional(),
      cfg_strength: between(`sampler.${name}.cfg_strength`, 0, 100).optional(),
      cfg_interval: z
        .tuple([share(`sampler.${name}.cfg_interval`), share(`sampler.${name}.cfg_interval`)], {
          error: `'sampler.${name}.cfg_interval' must be two numbers [from, to]`,
        })
        .refine(([from, to]) => from <= to, { error: `'sampler.${name}.cfg_interval' must not end before it starts` })
        .optional(),
      rescale_t: between(`sampler.${name}.rescale_t`, 0.01, 100).optional(),
    },
    { error: (issue) => (issue.code === 'invalid_type' ? `'sampler.${name}' must be an object` : undefined) },
  );
export type SamplerOverrides = z.output<ReturnType<typeof samplerSchema>>;

const samplers = z.strictObject(
  { structure: samplerSchema('structure').optional(), latent: samplerSchema('latent').optional() },
  { error: (issue) => (issue.code === 'invalid_type' ? "'sampler' must be an object" : undefined) },
);

/** Where the base colour comes from: the 3D Gaussians, or the colours of the mesh's vertices. */
export const BAKE_SOURCES = ['gaussians', 'vertices'] as const;
export type BakeSource = (typeof BAKE_SOURCES)[number];

/** A tetrahedron has four faces, and no decoder gives ten million. */
export const TARGET_FACES_MIN = 4;
export const TARGET_FACES_MAX = 10_000_000;

const webhook = z
  .string({ error: "'webhook' must be a URL" })
  .max(2048, { error: "'webhook' must be a URL of at most 2048 characters" })
  .refine(
    (text) => {
      if (!URL.canParse(text)) return false;
      return ['https:', 'http:'].includes(new URL(text).protocol);
    },
    { error: "'webhook' must be an https URL" },
  );

/** `standard`: signed, as Standard Webhooks has it. `runpod`: what RunPod's endpoints post. */
export const WEBHOOK_FORMATS = ['standard', 'runpod'] as const;
export type WebhookFormat = (typeof WEBHOOK_FORMATS)[number];

const outputs = z
  .array(
    z.enum(OUTPUTS, {
      error: ({ input }) => `'outputs' cannot hold ${quoted(input)}; it may hold: ${OUTPUTS.join(', ')}`,
    }),
    { error: `'outputs' must be a list of: ${OUTPUTS.join(', ')}` },
  )
  .min(1, { error: "'outputs' must name at least one output" })
  .transform((names): Output[] => OUTPUTS.filter((name) => names.includes(name) || DEFAULT_OUTPUTS.includes(name)));

/** Everything of a job but its input; each field is optional. */
export const JOB_EXTRAS = {
  id: JobIdSchema.optional(),
  webhook: webhook.optional(),
  webhook_format: z
    .enum(WEBHOOK_FORMATS, { error: `'webhook_format' must be one of: ${WEBHOOK_FORMATS.join(', ')}` })
    .optional(),
  outputs: outputs.optional(),
  sampler: samplers.optional(),
  target_faces: wholeBetween('target_faces', TARGET_FACES_MIN, TARGET_FACES_MAX).optional(),
  bake_from: z.enum(BAKE_SOURCES, { error: `'bake_from' may be: ${BAKE_SOURCES.join(', ')}` }).optional(),
  deadline_seconds: between('deadline_seconds', 1, DEADLINE_SECONDS_MAX).optional(),
  tags: TagsSchema.optional(),
};

const extras = z.object(JOB_EXTRAS);
/** Field by field, as sent; absent ones have no key. */
export type JobExtras = z.output<typeof extras>;

/** The envelope form; the bare form has the input's keys beside the others. */
export const JobSchema = z.strictObject({
  input: z.pipe(z.custom<object>(isObject, { error: "'input' must be an object" }), JobInputSchema),
  ...JOB_EXTRAS,
});
export const BareJobSchema = z.strictObject({ ...JobInputSchema.shape, ...JOB_EXTRAS });

/** A job that can run: checked, named and seeded. */
export interface Job {
  readonly id: string;
  readonly input: JobInput;
  readonly webhook?: string;
  /** What the webhook is told. Absent: `standard`. */
  readonly webhook_format?: WebhookFormat;
  readonly outputs: readonly Output[];
  readonly sampler: { readonly structure?: SamplerOverrides; readonly latent?: SamplerOverrides };
  /** Faces to keep, instead of a share to remove: `simplify` does not count then. */
  readonly target_faces?: number;
  /** Absent: the Gaussians, where the model gives any. */
  readonly bake_from?: BakeSource;
  /** Seconds from submission after which the job is given up. */
  readonly deadline_seconds?: number;
  readonly tags: Readonly<Record<string, string>>;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
