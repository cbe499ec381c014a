/** Shape and look of every occupied voxel, as the structured latent. */
import { type GeneratorState, generatorStateSchema } from '@espalier/tensors';
import { z } from 'zod';
import { conditionStage } from './condition.ts';
import { samplerParams, samplerSave, samplingOptions } from './sampling.ts';
import { type Stage, tensorOf } from './stage.ts';
import { coordsOf, structureStage } from './structure.ts';

export interface LatentState {
  readonly generator: GeneratorState;
}

export const latentStage: Stage<LatentState> = {
  name: 'latent',
  version: 1,
  inputs: ['condition', 'structure'],
  tensors: { latent: { dtype: 'F32', shape: [null, null] } },
  state: z.object({ generator: generatorStateSchema }),
  save: samplerSave([null, null]),
  parameters: ({ job, model }) => ({ sampler: samplerParams(job, 'latent', model.samplers.latent) }),
  steps: (parameters) => (parameters.sampler as { steps: number }).steps,
  async run(context) {
    const { job, model, networks } = context;
    const params = samplerParams(job, 'latent', model.samplers.latent);
    const condition = context.input(conditionStage);
    const structure = context.input(structureStage);
    const { latent, generator } = await networks.sampleLatent(
      {
        cond: tensorOf(condition, 'cond'),
        negative: tensorOf(condition, 'negative'),
        coords: coordsOf(structure),
      },
      samplingOptions(context, params, structure.state.generator),
    );
    return { tensors: { latent }, state: { generator } };
  },
};
