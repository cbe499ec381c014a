/** Every file that a job can ask for beside `model.glb`, made from the finished asset. */
import { GLB_VARIANTS, isGlbOutput, type Output, outputFiles, TerminalError } from '@espalier/contracts';
import {
  encodeImage,
  exportGlb,
  gaussiansToPly,
  gaussiansToSplat,
  gaussiansToSpz,
  type Image,
  meshToObj,
  meshToStl,
  type RawMesh,
  renderPreview,
  renderTurntable,
  type TexturedMesh,
  type UnwrappedMesh,
  unwrappedNormals,
  validateGlb,
  vertexTangents,
} from '@espalier/geometry';
import { type PackedGaussians, unpackGaussians } from './packed-gaussians.ts';

/** What the stages before left of the asset. */
export interface FinishedAsset {
  readonly mesh: UnwrappedMesh;
  /** The mesh that was unwrapped: normals do not break where charts do. */
  readonly smooth: RawMesh;
  readonly baseColor: Image;
  readonly normalMap: Image;
  /** Provenance for `asset.extras`. */
  readonly extras: Readonly<Record<string, unknown>>;
}

export interface OutputTask extends FinishedAsset {
  readonly output: Output;
  /** As the decoder gave them; absent where it gave none. */
  readonly gaussians?: PackedGaussians | undefined;
}

export type Files = Readonly<Record<string, Uint8Array>>;

/** Pictures of one turn. */
const TURNTABLE_FRAMES = 12;

export function texturedMesh({ mesh, smooth, baseColor, normalMap }: FinishedAsset): TexturedMesh {
  const normals = unwrappedNormals(smooth, mesh);
  return { ...mesh, normals, tangents: vertexTangents(mesh, normals), baseColor, normalMap };
}

/**
 * @returns the output's files by name
 * @throws TerminalError OUTPUTS_NO_GAUSSIANS, GLB_INVALID, SPZ_FAILED, KTX2_FAILED
 */
export async function makeOutput(task: OutputTask): Promise<Files> {
  const { output } = task;
  const bodies = isGlbOutput(output) ? [await variant(task, output)] : await OTHERS[output](task);
  return Object.fromEntries(outputFiles(output).map((name, i) => [name, bodies[i] as Uint8Array]));
}

async function variant(task: OutputTask, output: keyof typeof GLB_VARIANTS): Promise<Uint8Array> {
  const glb = await exportGlb({ mesh: texturedMesh(task), extras: task.extras, ...GLB_VARIANTS[output] });
  const { errors, messages } = await validateGlb(glb);
  if (errors === 0) return glb;
  const [worst] = messages;
  throw new TerminalError(`the file of '${output}' is not valid glTF: ${worst?.code} ${worst?.message}`, {
    code: 'GLB_INVALID',
    field: 'outputs',
  });
}

type Maker = (task: OutputTask) => Promise<readonly Uint8Array[]>;
const text = (value: string) => new TextEncoder().encode(value);

/** One body for each file, in the order of their names. */
const OTHERS: Readonly<Record<Exclude<Output, keyof typeof GLB_VARIANTS>, Maker>> = {
  ply: async (task) => [gaussiansToPly(gaussiansOf(task))],
  splat: async (task) => [gaussiansToSplat(gaussiansOf(task))],
  spz: async (task) => [await gaussiansToSpz(gaussiansOf(task))],
  obj: async (task) => {
    const [, mtl = '', texture = ''] = outputFiles('obj');
    const files = meshToObj(texturedMesh(task), { mtl, baseColor: texture });
    return [text(files.obj), text(files.mtl), await encodeImage(task.baseColor, 'png')];
  },
  stl: async ({ smooth }) => [meshToStl(smooth)],
  preview: async (task) => [await encodeImage(renderPreview(texturedMesh(task)), 'webp')],
  turntable: async (task) => [await encodeImage(renderTurntable(texturedMesh(task), TURNTABLE_FRAMES), 'webp')],
};

function gaussiansOf({ gaussians, output }: OutputTask): ReturnType<typeof unpackGaussians> {
  if (gaussians !== undefined) return unpackGaussians(gaussians);
  throw new TerminalError(`'${output}' holds Gaussians, and this model gives none`, {
    code: 'OUTPUTS_NO_GAUSSIANS',
    field: 'outputs',
    remedy: `leave '${output}' out of 'outputs', or take a model with a Gaussian decoder`,
  });
}
