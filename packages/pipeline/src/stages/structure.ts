/** Which voxels of the coarse grid the asset occupies. */
import { TerminalError } from '@espalier/contracts';
import { type GeneratorState, generatorStateSchema, TorchGenerator } from '@espalier/tensors';
import { z } from 'zod';
import { conditionStage } from './condition.ts';
import { samplerParams, samplerSave, samplingOptions } from './sampling.ts';
import { type Stage, tensorOf } from './stage.ts';

export interface StructureState {
  /** Where the generator stands: the latent's noise goes on from here. */
  readonly generator: GeneratorState;
}

export const structureStage: Stage<StructureState> = {
  name: 'structure',
  version: 1,
  inputs: ['condition'],
  tensors: {
    latent: { dtype: 'F32', shape: [1, null, null, null, null] },
    coords: { dtype: 'I32', shape: [null, 4] },
  },
  state: z.object({ generator: generatorStateSchema }),
  save: samplerSave([1, null, null, null, null]),
  parameters: ({ job, model }) => ({
    seed: job.input.seed,
    sampler: samplerParams(job, 'structure', model.samplers.structure),
  }),
  steps: (parameters) => (parameters.sampler as { steps: number }).steps,
  async run(context) {
    const { job, model, networks } = context;
    const params = samplerParams(job, 'structure', model.samplers.structure);
    const condition = context.input(conditionStage);
    const { latent, coords, generator } = await networks.sampleStructure(
      { cond: tensorOf(condition, 'cond'), negative: tensorOf(condition, 'negative') },
      samplingOptions(context, params, new TorchGenerator(job.input.seed).state()),
    );
    return { tensors: { latent, coords }, state: { generator } };
  },
  judge(content) {
    if (tensorOf(content, 'coords').shape[0] !== 0) return;
    throw new TerminalError('the model found no shape for this prompt and seed: not one voxel is occupied', {
      code: 'STRUCTURE_EMPTY',
      field: 'seed',
      remedy: 'try another seed or another wording',
    });
  },
};
