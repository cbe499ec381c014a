/** Work of the CPU lane, as plain functions: they run inside the pool's threads. */
import type { ValidatorSummary } from '@espalier/contracts';
import {
  bakeAttributes,
  boundsOf,
  exportGlb,
  faceCount,
  type Image,
  type RawMesh,
  simplify,
  type UnwrappedMesh,
  type UnwrapReport,
  unwrap,
  unwrappedNormals,
  validateGlb,
} from '@espalier/geometry';

/** Called with the share done, 0 to 1. */
export type Progress = (share: number) => void;

interface SurfaceTask {
  readonly mesh: RawMesh;
  /** Share of the faces to remove. */
  readonly simplify: number;
  readonly maxFaces: number;
}

async function surface({ mesh, simplify: share, maxFaces }: SurfaceTask): Promise<{ mesh: RawMesh }> {
  const simplified = await simplify(mesh, { simplify: share, maxFaces });
  return { mesh: simplified.mesh };
}

interface TextureTask {
  readonly mesh: RawMesh;
  /** The mesh before simplification: it carries the colours. */
  readonly source: RawMesh;
  readonly textureSize: number;
}

interface Textured {
  readonly mesh: UnwrappedMesh;
  readonly baseColor: Image;
  readonly report: UnwrapReport;
}

async function texture({ mesh, source, textureSize }: TextureTask, onProgress: Progress): Promise<Textured> {
  const unwrapped = await unwrap(mesh, { textureSize });
  onProgress(0.4);
  const baseColor = bakeAttributes({
    target: unwrapped.mesh,
    source,
    textureSize,
    onProgress: (share) => onProgress(0.4 + 0.6 * share),
  });
  return { mesh: unwrapped.mesh, baseColor, report: unwrapped.report };
}

interface ExportTask {
  readonly mesh: UnwrappedMesh;
  /** The mesh that was unwrapped: normals do not break where charts do. */
  readonly smooth: RawMesh;
  readonly baseColor: Image;
  /** Provenance for `asset.extras`. */
  readonly extras: Readonly<Record<string, unknown>>;
}

interface Exported {
  readonly glb: Uint8Array;
  readonly vertices: number;
  readonly faces: number;
  /** y up, as in the file. */
  readonly bounds: { readonly min: [number, number, number]; readonly max: [number, number, number] };
  readonly validator: ValidatorSummary;
  /** What the validator says, worst first, at most ten lines. */
  readonly findings: readonly string[];
}

async function exportAsset({ mesh, smooth, baseColor, extras }: ExportTask): Promise<Exported> {
  const glb = await exportGlb({ mesh: { ...mesh, normals: unwrappedNormals(smooth, mesh), baseColor }, extras });
  const { messages, ...validator } = await validateGlb(glb);
  return {
    glb,
    vertices: mesh.positions.length / 3,
    faces: faceCount(mesh),
    bounds: yUp(boundsOf(mesh.positions)),
    validator,
    findings: messages.slice(0, 10).map(({ severity, code, message, pointer }) => {
      return `${severity} ${code}${pointer === undefined ? '' : ` at ${pointer}`}: ${message}`;
    }),
  };
}

/** (x, y, z) becomes (x, z, -y): the least -y is that of the greatest y. */
function yUp({ min, max }: { readonly min: readonly number[]; readonly max: readonly number[] }): Exported['bounds'] {
  const [x0, y0, z0] = min as [number, number, number];
  const [x1, y1, z1] = max as [number, number, number];
  return { min: [x0, z0, 0 - y1], max: [x1, z1, 0 - y0] };
}

export const CPU_TASKS = { surface, texture, export: exportAsset } as const;
export type CpuTask = keyof typeof CPU_TASKS;
export type CpuTaskInput<T extends CpuTask> = Parameters<(typeof CPU_TASKS)[T]>[0];
export type CpuTaskOutput<T extends CpuTask> = Awaited<ReturnType<(typeof CPU_TASKS)[T]>>;
