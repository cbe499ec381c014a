/** Texture coordinates, base colour and normal map. */
import { float32, type Tensor } from '@espalier/tensors';
import { z } from 'zod';
import { bakeTextures } from '../cpu/bake-textures.ts';
import { decodeStage } from './decode.ts';
import { gaussiansOf, meshOf, unsigned } from './meshes.ts';
import type { Stage } from './stage.ts';
import { CLEAN, surfaceStage } from './surface.ts';

export interface TextureState {
  readonly method: string;
  /** Why the fallback method of unwrapping was taken. */
  readonly fallback?: string | undefined;
  readonly charts: number;
  /** Where the base colour came from. */
  readonly baked_from: 'gaussians' | 'vertices';
}

/** Progress is told in hundredths. */
const SHARES = 100;

export const textureStage: Stage<TextureState> = {
  name: 'texture',
  version: 5,
  inputs: ['decode', 'surface'],
  tensors: {
    positions: { dtype: 'F32', shape: [null, 3] },
    indices: { dtype: 'I32', shape: [null, 3] },
    uvs: { dtype: 'F32', shape: [null, 2] },
    source: { dtype: 'I32', shape: [null] },
    base_color: { dtype: 'U8', shape: [null, null, 3] },
    normal_map: { dtype: 'U8', shape: [null, null, 3] },
  },
  state: z.object({
    method: z.string(),
    fallback: z.string().optional(),
    charts: z.int().min(0),
    baked_from: z.enum(['gaussians', 'vertices']),
  }),
  parameters: ({ job }) => ({ texture_size: job.input.texture_size, bake_from: job.bake_from ?? 'gaussians' }),
  async run(context) {
    const { job, cpu, signal, onStep } = context;
    const surface = context.input(surfaceStage);
    const gaussians = job.bake_from === 'vertices' ? undefined : gaussiansOf(context.input(decodeStage));
    const { mesh, baseColor, normalMap, report } = await bakeTextures(
      cpu,
      { mesh: meshOf(surface), clean: meshOf(surface, CLEAN), gaussians, textureSize: job.input.texture_size },
      { signal, onProgress: (share) => onStep(Math.floor(share * SHARES), SHARES) },
    );
    const vertices = mesh.positions.length / 3;
    const image = ({ width, height, data }: typeof baseColor): Tensor => ({
      dtype: 'U8',
      shape: [height, width, 3],
      data,
    });
    return {
      tensors: {
        positions: float32([vertices, 3], mesh.positions),
        indices: unsigned([mesh.indices.length / 3, 3], mesh.indices),
        uvs: float32([vertices, 2], mesh.uvs),
        source: unsigned([vertices], mesh.source),
        base_color: image(baseColor),
        normal_map: image(normalMap),
      },
      state: {
        method: report.method,
        charts: report.charts,
        ...(report.fallback && { fallback: report.fallback }),
        baked_from: gaussians === undefined ? 'vertices' : 'gaussians',
      },
    };
  },
  notices: ({ state }) => {
    if (state.fallback === undefined) return [];
    const message = `texture charts were made by the '${state.method}' method (${state.fallback})`;
    return [{ code: 'UNWRAP_FALLBACK', message }];
  },
};
