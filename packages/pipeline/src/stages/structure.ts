/** Which voxels of the coarse grid the asset occupies. */
import { TerminalError } from '@espalier/contracts';
import { type GeneratorState, generatorStateSchema, int32, type Tensor, TorchGenerator } from '@espalier/tensors';
import { z } from 'zod';
import { conditionStage } from './condition.ts';
import { samplerParams, samplerSave, samplingOptions } from './sampling.ts';
import { type Stage, type StageContent, tensorOf } from './stage.ts';

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
    /** (x, y, z) of every occupied voxel, row-major order. */
    voxels: { dtype: 'I16', shape: [null, 3] },
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
    return { tensors: { latent, voxels: toVoxels(coords) }, state: { generator } };
  },
  judge(content) {
    if (tensorOf(content, 'voxels').shape[0] !== 0) return;
    throw new TerminalError('the model found no shape for this prompt and seed: not one voxel is occupied', {
      code: 'STRUCTURE_EMPTY',
      field: 'seed',
      remedy: 'try another seed or another wording',
    });
  },
};

/** The occupied voxels as the networks take them: I32 [N, 4] of (batch 0, x, y, z). */
export function coordsOf(structure: StageContent<StructureState>): Tensor<Int32Array> {
  const voxels = tensorOf(structure, 'voxels').data;
  const count = voxels.length / 3;
  const coords = new Int32Array(count * 4);
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < 3; axis++) coords[i * 4 + 1 + axis] = Number(voxels[i * 3 + axis]);
  }
  return int32([count, 4], coords);
}

/** A quarter of the bytes; grids have far fewer than 2^15 voxels along an edge. */
function toVoxels(coords: Tensor): Tensor<Int16Array> {
  const [count = 0] = coords.shape;
  const voxels = new Int16Array(count * 3);
  for (let i = 0; i < count; i++) {
    for (let axis = 0; axis < 3; axis++) voxels[i * 3 + axis] = Number(coords.data[i * 4 + 1 + axis]);
  }
  return { dtype: 'I16', shape: [count, 3], data: voxels };
}
