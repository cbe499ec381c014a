/** The mesh to be textured: the raw one cleaned, and with the wanted share of its faces removed. */
import { CleaningSchema, TokenReportSchema } from '@espalier/contracts';
import { cleanSurface } from '@espalier/geometry';
import { z } from 'zod';
import { surfaceCrew } from '../cpu/surface-crew.ts';
import { decodeStage } from './decode.ts';
import { MESH_FORMS, meshOf, meshTensors, prefixed } from './meshes.ts';
import type { Stage } from './stage.ts';

const count = z.int().min(0);

const SurfaceStateSchema = z.object({
  /** Counts of the mesh as the decoder gave it. */
  raw: z.object({ vertices: count, faces: count }),
  /** What the cleaning did. */
  cleaning: CleaningSchema,
  /** What the networks ran on. */
  device: z.string(),
  /** What of the prompt was used. */
  tokens: TokenReportSchema,
});
export type SurfaceState = z.infer<typeof SurfaceStateSchema>;

/** Tensors of the clean mesh with all its faces stand under this name. */
export const CLEAN = 'clean.';

export const surfaceStage: Stage<SurfaceState> = {
  name: 'surface',
  version: 5,
  inputs: ['decode'],
  tensors: { ...MESH_FORMS, ...prefixed(CLEAN, MESH_FORMS) },
  state: SurfaceStateSchema,
  parameters: ({ job, choices }) => ({
    ...(job.target_faces === undefined ? { simplify: job.input.simplify } : { target_faces: job.target_faces }),
    max_faces: choices.maxFaces,
  }),
  async run(context) {
    const { job, choices, cpu, signal, onStep } = context;
    const decoded = context.input(decodeStage);
    const raw = meshOf(decoded);
    const wanted =
      job.target_faces === undefined ? { simplify: job.input.simplify } : { targetFaces: job.target_faces };
    const { mesh, clean, report } = await cleanSurface(
      raw,
      {
        ...wanted,
        maxFaces: choices.maxFaces,
        signal,
        onProgress: (share) => onStep(Math.floor(share * 100), 100),
      },
      surfaceCrew(cpu, signal),
    );
    return {
      tensors: { ...meshTensors(mesh), ...prefixed(CLEAN, meshTensors(clean)) },
      state: {
        raw: { vertices: raw.positions.length / 3, faces: raw.indices.length / 3 },
        cleaning: {
          broken_faces: report.brokenFaces,
          hidden_faces: report.hiddenFaces,
          speck_faces: report.speckFaces,
          holes_closed: report.holesClosed,
          holes_left: report.holesLeft,
          clean_faces: report.cleanFaces,
          simplify_error: report.simplifyError,
        },
        device: decoded.state.device,
        tokens: decoded.state.tokens,
      },
    };
  },
};
