/** What the two sampled stages share: their saves, and going on from one. */
import type { Job, SamplerOverrides } from '@espalier/contracts';
import { type GeneratorState, generatorStateSchema } from '@espalier/tensors';
import { z } from 'zod';
import type { PartialContent } from '../checkpoints/body.ts';
import type { SamplerSave, SamplingOptions } from '../inference/networks.ts';
import type { SamplerParams } from '../inference/protocol.ts';
import { type StageContext, type TensorForm, tensorOf } from './stage.ts';

const SaveStateSchema = z.object({ generator: generatorStateSchema });

/** @param shape of the sample */
export function samplerSave(shape: TensorForm['shape']) {
  return { tensors: { sample: { dtype: 'F32', shape } as const }, state: SaveStateSchema };
}

/** The model's own settings, with what the job sets otherwise. */
export function samplerParams(job: Job, stage: 'structure' | 'latent', own: SamplerParams): SamplerParams {
  const overrides: SamplerOverrides = job.sampler[stage] ?? {};
  return {
    steps: overrides.steps ?? own.steps,
    cfg_strength: overrides.cfg_strength ?? own.cfg_strength,
    cfg_interval: overrides.cfg_interval ?? own.cfg_interval,
    rescale_t: overrides.rescale_t ?? own.rescale_t,
  };
}

/** @param start where the generator stands when there is no save to go on from */
export function samplingOptions(context: StageContext, params: SamplerParams, start: GeneratorState): SamplingOptions {
  const { resume, saveEveryMs, signal, onStep } = context;
  return {
    params,
    from: resume === undefined ? start : toSave(resume),
    saveEveryMs,
    signal,
    onStep,
    onSave: ({ step, sample, generator }) => context.onSave({ step, tensors: { sample }, state: { generator } }),
  };
}

function toSave(content: PartialContent): SamplerSave {
  const { generator } = SaveStateSchema.parse(content.state);
  return { step: content.step, sample: tensorOf(content, 'sample'), generator };
}
