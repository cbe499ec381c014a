/** The mesh to be textured: the raw one with `simplify` of its faces removed. */
import { z } from 'zod';
import { decodeStage } from './decode.ts';
import { MESH_FORMS, meshOf, meshTensors } from './meshes.ts';
import type { Stage } from './stage.ts';

export interface SurfaceState {
  /** Counts of the mesh as the decoder gave it. */
  readonly raw: { readonly vertices: number; readonly faces: number };
  /** What the networks ran on. */
  readonly device: string;
}

export const surfaceStage: Stage<SurfaceState> = {
  name: 'surface',
  version: 1,
  inputs: ['decode'],
  tensors: MESH_FORMS,
  state: z.object({
    raw: z.object({ vertices: z.int().min(0), faces: z.int().min(0) }),
    device: z.string(),
  }),
  parameters: ({ job, choices }) => ({ simplify: job.input.simplify, max_faces: choices.maxFaces }),
  async run(context) {
    const { job, choices, cpu, signal } = context;
    const decoded = context.input(decodeStage);
    const raw = meshOf(decoded);
    const { mesh } = await cpu.run(
      'surface',
      { mesh: raw, simplify: job.input.simplify, maxFaces: choices.maxFaces },
      { signal },
    );
    const counts = { vertices: raw.positions.length / 3, faces: raw.indices.length / 3 };
    return { tensors: meshTensors(mesh), state: { raw: counts, device: decoded.state.device } };
  },
};
