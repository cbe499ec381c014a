/** `pipeline.json` of a text-to-3D model: which networks play which role, how they are sampled. */
import { TerminalError } from '@espalier/contracts';
import { z } from 'zod';
import { checkJson, parseJsonFile } from './json-file.ts';

/** Encoder of the published models; taken when the file names none, as the released text file does. */
export const DEFAULT_TEXT_ENCODER = 'openai/clip-vit-large-patch14';

const SAMPLERS = ['FlowEulerSampler', 'FlowEulerCfgSampler', 'FlowEulerGuidanceIntervalSampler'] as const;

/** Defaults are those of the published samplers' `sample` methods, for what the file is silent on. */
const SamplerSchema = z.object({
  name: z.enum(SAMPLERS),
  args: z.object({ sigma_min: z.number().min(0).lt(1).default(1e-5) }).prefault({}),
  params: z
    .object({
      steps: z.int().min(1).max(10_000).default(50),
      rescale_t: z.number().positive().default(1),
      cfg_strength: z.number().default(3),
      cfg_interval: z.tuple([z.number(), z.number()]).default([0, 1]),
    })
    .prefault({}),
});
export type SamplerConfig = z.output<typeof SamplerSchema>;

const name = z
  .string()
  .min(1)
  .refine((value) => !value.startsWith('/') && !value.split(/[\\/]/).includes('..'), {
    error: 'must be a name inside a repository, without a leading slash or ..',
  });

const PipelineSchema = z.object({
  name: z.string(),
  args: z.object({
    models: z.object({
      sparse_structure_flow_model: name,
      sparse_structure_decoder: name,
      slat_flow_model: name,
      slat_decoder_mesh: name,
      slat_decoder_gs: name.optional(),
    }),
    sparse_structure_sampler: SamplerSchema,
    slat_sampler: SamplerSchema,
    slat_normalization: z
      .object({ mean: z.array(z.number()).min(1), std: z.array(z.number().positive()).min(1) })
      .refine(({ mean, std }) => mean.length === std.length, { error: 'mean and std differ in length' }),
    text_cond_model: name.optional(),
  }),
});
export type PipelineConfig = z.output<typeof PipelineSchema>['args'];
export type NetworkRole = keyof PipelineConfig['models'];

const PIPELINE = 'TrellisTextTo3DPipeline';

/**
 * @throws TerminalError `MODEL_FILE_MISSING`, `MODEL_FILE_INVALID`; `MODEL_UNSUPPORTED` for another pipeline.
 */
export async function readPipelineConfig(path: string): Promise<PipelineConfig> {
  const json = await parseJsonFile(path);
  const { name: pipeline } = checkJson(json, z.object({ name: z.string() }), path);
  if (pipeline !== PIPELINE) {
    throw new TerminalError(`${path}: 'name' is '${pipeline}', only ${PIPELINE} can be run`, {
      code: 'MODEL_UNSUPPORTED',
      field: 'name',
      remedy: 'use a text-to-3D model such as microsoft/TRELLIS-text-xlarge',
    });
  }
  return checkJson(json, PipelineSchema, path).args;
}
