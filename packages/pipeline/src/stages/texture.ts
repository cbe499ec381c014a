/** Texture coordinates, and the colours of the raw mesh baked to a picture. */
import { float32, type Tensor } from '@espalier/tensors';
import { z } from 'zod';
import { decodeStage } from './decode.ts';
import { meshOf, unsigned } from './meshes.ts';
import type { Stage } from './stage.ts';
import { surfaceStage } from './surface.ts';

export interface TextureState {
  readonly method: string;
  /** Why the fallback method of unwrapping was taken. */
  readonly fallback?: string | undefined;
  readonly charts: number;
}

/** Progress is told in hundredths. */
const SHARES = 100;

export const textureStage: Stage<TextureState> = {
  name: 'texture',
  version: 1,
  inputs: ['decode', 'surface'],
  tensors: {
    positions: { dtype: 'F32', shape: [null, 3] },
    indices: { dtype: 'I32', shape: [null, 3] },
    uvs: { dtype: 'F32', shape: [null, 2] },
    source: { dtype: 'I32', shape: [null] },
    base_color: { dtype: 'U8', shape: [null, null, 3] },
  },
  state: z.object({ method: z.string(), fallback: z.string().optional(), charts: z.int().min(0) }),
  parameters: ({ job }) => ({ texture_size: job.input.texture_size }),
  async run(context) {
    const { job, cpu, signal, onStep } = context;
    const { mesh, baseColor, report } = await cpu.run(
      'texture',
      {
        mesh: meshOf(context.input(surfaceStage)),
        source: meshOf(context.input(decodeStage)),
        textureSize: job.input.texture_size,
      },
      { signal, onProgress: (share) => onStep(Math.floor(share * SHARES), SHARES) },
    );
    const vertices = mesh.positions.length / 3;
    const image: Tensor = { dtype: 'U8', shape: [baseColor.height, baseColor.width, 3], data: baseColor.data };
    return {
      tensors: {
        positions: float32([vertices, 3], mesh.positions),
        indices: unsigned([mesh.indices.length / 3, 3], mesh.indices),
        uvs: float32([vertices, 2], mesh.uvs),
        source: unsigned([vertices], mesh.source),
        base_color: image,
      },
      state: { method: report.method, charts: report.charts, ...(report.fallback && { fallback: report.fallback }) },
    };
  },
  notices: ({ state }) => {
    if (state.fallback === undefined) return [];
    const message = `texture charts were made by the '${state.method}' method (${state.fallback})`;
    return [{ code: 'UNWRAP_FALLBACK', message }];
  },
};
