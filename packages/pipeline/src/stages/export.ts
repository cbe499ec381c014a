/** The asset as a GLB, and everything that the stats say of it. */
import { sha256, TerminalError, TokenReportSchema, ValidatorSummarySchema } from '@espalier/contracts';
import { z } from 'zod';
import { ESPALIER_VERSION } from '../version.ts';
import { conditionStage } from './condition.ts';
import { meshOf } from './meshes.ts';
import { samplerParams } from './sampling.ts';
import { float32Of, type ParameterSources, type Stage, tensorOf, uint32Of } from './stage.ts';
import { surfaceStage } from './surface.ts';
import { textureStage } from './texture.ts';

const PointSchema = z.tuple([z.number(), z.number(), z.number()]);
const CountsSchema = z.object({ vertices: z.int().min(0), faces: z.int().min(0) });

const ExportStateSchema = z.object({
  exported: CountsSchema,
  raw: CountsSchema,
  bounds: z.object({ min: PointSchema, max: PointSchema }),
  tokens: TokenReportSchema,
  validator: ValidatorSummarySchema,
  /** What the validator found, worst first. */
  findings: z.array(z.string()),
  device: z.string(),
});
export type ExportState = z.infer<typeof ExportStateSchema>;

export const exportStage: Stage<ExportState> = {
  name: 'export',
  version: 1,
  inputs: ['condition', 'surface', 'texture'],
  tensors: { glb: { dtype: 'U8', shape: [null] } },
  state: ExportStateSchema,
  parameters: provenance,
  async run(context) {
    const { cpu, signal } = context;
    const textured = context.input(textureStage);
    const surface = context.input(surfaceStage);
    const texels = tensorOf(textured, 'base_color');
    const [height = 0, width = 0] = texels.shape;
    const { glb, vertices, faces, bounds, validator, findings } = await cpu.run(
      'export',
      {
        mesh: {
          positions: float32Of(textured, 'positions'),
          indices: uint32Of(textured, 'indices'),
          uvs: float32Of(textured, 'uvs'),
          source: uint32Of(textured, 'source'),
        },
        smooth: meshOf(surface),
        baseColor: { width, height, channels: 3, data: texels.data as Uint8Array }, // U8: checked by its form
        extras: provenance(context),
      },
      { signal },
    );
    return {
      tensors: { glb: { dtype: 'U8', shape: [glb.length], data: glb } },
      state: {
        exported: { vertices, faces },
        raw: surface.state.raw,
        bounds,
        tokens: context.input(conditionStage).state.tokens,
        validator,
        findings: [...findings],
        device: surface.state.device,
      },
    };
  },
  judge({ state }) {
    if (state.validator.errors === 0) return;
    throw new TerminalError(`the exported file is not valid glTF: ${state.findings.join('; ')}`, {
      code: 'GLB_INVALID',
    });
  },
  notices: ({ state }) => {
    if (state.validator.warnings === 0) return [];
    return [{ code: 'GLB_WARNINGS', message: `the glTF validator warns: ${state.findings.join('; ')}` }];
  },
};

/** Where the asset comes from: no times and no names, so that equal jobs give equal bytes. */
function provenance({ job, model }: ParameterSources): Record<string, unknown> {
  return {
    tool: 'espalier',
    tool_version: ESPALIER_VERSION,
    model: model.name,
    model_revision: model.revision,
    prompt_sha256: sha256(job.input.prompt),
    seed: job.input.seed,
    simplify: job.input.simplify,
    texture_size: job.input.texture_size,
    sampler: {
      structure: samplerParams(job, 'structure', model.samplers.structure),
      latent: samplerParams(job, 'latent', model.samplers.latent),
    },
  };
}
