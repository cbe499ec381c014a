/**
 * The raw mesh and the 3D Gaussians of a latent.
 *
 * The decoders' own output, half a gigabyte at full size, never leaves the inference process: FlexiCubes runs there, in
 * a thread, while the networks go on with the next job. Colours and Gaussian shapes are stored as 16-bit floats, finer
 * than the 8 bits that textures have.
 */
import { TerminalError, type TokenReportRecord, TokenReportSchema } from '@espalier/contracts';
import { z } from 'zod';
import { conditionStage } from './condition.ts';
import { latentStage } from './latent.ts';
import { MESH_FORMS } from './meshes.ts';
import { type Stage, tensorOf } from './stage.ts';
import { coordsOf, structureStage } from './structure.ts';

export interface DecodeState {
  /** Voxels along one edge of the mesh decoder's grid. */
  readonly resolution: number;
  /** What the networks ran on. */
  readonly device: string;
  /** What of the prompt was used. Kept here too, since the finish reads no checkpoint before this one. */
  readonly tokens: TokenReportRecord;
}

export const decodeStage: Stage<DecodeState> = {
  name: 'decode',
  version: 2,
  inputs: ['condition', 'structure', 'latent'],
  tensors: {
    ...MESH_FORMS,
    'gaussians.positions': { dtype: 'F32', shape: [null, 3], optional: true },
    'gaussians.sh0': { dtype: 'F16', shape: [null, 3], optional: true },
    'gaussians.scales': { dtype: 'F16', shape: [null, 3], optional: true },
    'gaussians.rotations': { dtype: 'F16', shape: [null, 4], optional: true },
    'gaussians.opacities': { dtype: 'F16', shape: [null], optional: true },
  },
  state: z.object({ resolution: z.int().min(1), device: z.string(), tokens: TokenReportSchema }),
  parameters: ({ choices }) => ({ fill_enclosed: choices.fillEnclosed, gaussians: choices.gaussians }),
  async run(context) {
    const { choices, networks, signal, onStep, onDeviceFree } = context;
    const { tensors, resolution } = await networks.decode(
      {
        coords: coordsOf(context.input(structureStage)),
        latent: tensorOf(context.input(latentStage), 'latent'),
      },
      {
        fillEnclosed: choices.fillEnclosed,
        gaussians: choices.gaussians,
        signal,
        onStep,
        onDeviceFree,
      },
    );
    const { tokens } = context.input(conditionStage).state;
    return { tensors, state: { resolution, device: networks.device ?? 'unknown', tokens } };
  },
  judge(content) {
    if (tensorOf(content, 'indices').shape[0] !== 0) return;
    throw new TerminalError('the decoded shape has no surface', {
      code: 'SURFACE_EMPTY',
      field: 'seed',
      remedy: 'try another seed or another wording',
    });
  },
};
