/** The asset as a GLB, and everything that the stats say of it. */
import {
  type AssetStatsRecord,
  AssetStatsSchema,
  CleaningSchema,
  DEFAULT_OUTPUTS,
  OUTPUTS,
  outputFiles,
  sha256,
  TerminalError,
  TokenReportSchema,
  ValidatorSummarySchema,
} from '@espalier/contracts';
import { type AssetStats, type Image, shareArrays } from '@espalier/geometry';
import type { Tensor } from '@espalier/tensors';
import { z } from 'zod';
import type { CheckpointContent } from '../checkpoints/body.ts';
import { allSettled } from '../cpu/all-settled.ts';
import { ESPALIER_VERSION } from '../version.ts';
import { withRemedy } from './condition.ts';
import { decodeStage } from './decode.ts';
import { gaussiansOf, meshOf, prefixed } from './meshes.ts';
import { samplerParams } from './sampling.ts';
import { float32Of, type ParameterSources, type Stage, tensorOf, uint32Of } from './stage.ts';
import { surfaceStage } from './surface.ts';
import { textureStage } from './texture.ts';

const PointSchema = z.tuple([z.number(), z.number(), z.number()]);

const ExportStateSchema = z.object({
  raw: z.object({ vertices: z.int().min(0), faces: z.int().min(0) }),
  cleaning: CleaningSchema,
  asset: AssetStatsSchema,
  bounds: z.object({ min: PointSchema, max: PointSchema }),
  tokens: TokenReportSchema,
  validator: ValidatorSummarySchema,
  /** What the validator found, worst first. */
  findings: z.array(z.string()),
  device: z.string(),
});
export type ExportState = z.infer<typeof ExportStateSchema>;

const BYTES = { dtype: 'U8', shape: [null] } as const;
/** Files other than `model.glb` stand under this name. */
const FILE = 'file.';

export const exportStage: Stage<ExportState> = {
  name: 'export',
  version: 6,
  inputs: ['decode', 'surface', 'texture'],
  tensors: {
    glb: BYTES,
    ...prefixed(
      FILE,
      Object.fromEntries(OUTPUTS.flatMap(outputFiles).map((name) => [name, { ...BYTES, optional: true }])),
    ),
  },
  state: ExportStateSchema,
  parameters: (sources) => ({ ...provenance(sources), outputs: sources.job.outputs }),
  async run(context) {
    const { cpu, signal, job } = context;
    const textured = context.input(textureStage);
    const surface = context.input(surfaceStage);
    const finished = shareArrays({
      mesh: {
        positions: float32Of(textured, 'positions'),
        indices: uint32Of(textured, 'indices'),
        uvs: float32Of(textured, 'uvs'),
        source: uint32Of(textured, 'source'),
      },
      smooth: meshOf(surface),
      baseColor: imageOf(textured, 'base_color'),
      normalMap: imageOf(textured, 'normal_map'),
      extras: provenance(context),
    });
    const gaussians = gaussiansOf(context.input(decodeStage));
    const others = job.outputs.filter((output) => !DEFAULT_OUTPUTS.includes(output));
    const [exported, ...outputs] = await allSettled([
      cpu.run('export', finished, { signal }),
      ...others.map((output) => cpu.run('output', { ...finished, output, gaussians }, { signal })),
    ]);
    const { glb, asset, bounds, validator, findings } = exported;
    const files: Record<string, Uint8Array> = Object.assign({}, ...outputs);
    const { method, charts, baked_from } = textured.state;
    return {
      tensors: {
        glb: bytesTensor(glb),
        ...prefixed(FILE, Object.fromEntries(Object.entries(files).map(([name, data]) => [name, bytesTensor(data)]))),
      },
      state: {
        raw: surface.state.raw,
        cleaning: surface.state.cleaning,
        asset: { ...assetRecord(asset), unwrap: method, charts, baked_from },
        bounds,
        tokens: withRemedy(surface.state.tokens),
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
    ...(job.target_faces === undefined ? { simplify: job.input.simplify } : { target_faces: job.target_faces }),
    texture_size: job.input.texture_size,
    sampler: {
      structure: samplerParams(job, 'structure', model.samplers.structure),
      latent: samplerParams(job, 'latent', model.samplers.latent),
    },
  };
}

function assetRecord(stats: AssetStats): Omit<AssetStatsRecord, 'unwrap' | 'charts' | 'baked_from'> {
  return {
    vertices: stats.vertices,
    faces: stats.faces,
    components: stats.components,
    boundary_edges: stats.boundaryEdges,
    non_manifold_edges: stats.nonManifoldEdges,
    watertight: stats.watertight,
    manifold: stats.manifold,
    area: stats.area,
    volume: stats.volume,
    uv_coverage: stats.uvCoverage,
    uv_overlap: stats.uvOverlap,
    texels_per_unit: stats.texelsPerUnit,
    bytes: stats.bytes,
  };
}

function bytesTensor(data: Uint8Array): Tensor {
  return { dtype: 'U8', shape: [data.length], data };
}

/** All files of a content, `model.glb` first. */
export function filesOf({ tensors }: CheckpointContent): Map<string, Uint8Array> {
  const names = Object.keys(tensors).filter((name) => name.startsWith(FILE));
  const entries = [['model.glb', 'glb'], ...names.toSorted().map((name) => [name.slice(FILE.length), name])] as const;
  return new Map(entries.map(([file, name]) => [file as string, tensors[name as string]?.data as Uint8Array])); // U8: checked by its form
}

function imageOf(content: CheckpointContent, name: string): Image {
  const { shape, data } = tensorOf(content, name);
  const [height = 0, width = 0] = shape;
  return { width, height, channels: 3, data: data as Uint8Array }; // U8: checked by its form
}
