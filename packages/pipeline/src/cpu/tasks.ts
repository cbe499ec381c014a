/**
 * Work of the CPU lane, as plain functions: they run inside the pool's threads. The texture is several tasks, so that
 * threads can share it; `bakeTextures` puts them together, and `surfaceCrew` the steps of the surface.
 */
import {
  type BakeDetail,
  type BakedTexels,
  type BakePlan,
  type BakeTarget,
  bakeBand,
  bakeDetail,
  bakeTarget,
  bandCount,
  extractSurface,
  type GaussianParts,
  gaussianParts,
  type Image,
  type Interruptible,
  type RawMesh,
  type SparseVoxels,
  SURFACE_STEPS,
  type SurfaceStep,
  type SurfaceSteps,
  shareArrays,
  spreadTexels,
  type UnwrapReport,
  unwrap,
} from '@espalier/geometry';
import { exportAsset } from './export-asset.ts';
import { makeOutput } from './make-output.ts';
import { type PackedGaussians, unpackGaussians } from './packed-gaussians.ts';

/** Called with the share done, 0 to 1. */
export type Progress = (share: number) => void;

interface ExtractTask {
  readonly cells: SparseVoxels;
  readonly fillEnclosed: boolean;
}

/** Gives the cells back beside the mesh: their memory, half a gigabyte at full size, moves here and back. */
async function extract(
  { cells, fillEnclosed }: ExtractTask,
  onProgress: Progress,
): Promise<{ mesh: RawMesh; cells: SparseVoxels }> {
  return { mesh: extractSurface({ ...cells, fillEnclosed, onProgress }), cells };
}

/** One step of `cleanSurface`. */
export interface SurfaceTask<S extends SurfaceStep = SurfaceStep> {
  readonly step: S;
  readonly input: Parameters<SurfaceSteps[S]>[0];
}

async function surface({ step, input }: SurfaceTask, onProgress: Progress): Promise<unknown> {
  const run = SURFACE_STEPS[step] as (of: typeof input, options: Interruptible) => unknown;
  return run(input, { onProgress });
}

interface UnwrapTask {
  readonly mesh: RawMesh;
  readonly textureSize: number;
}

async function unwrapMesh(
  { mesh, textureSize }: UnwrapTask,
  onProgress: Progress,
): Promise<{ target: BakeTarget; report: UnwrapReport }> {
  const unwrapped = await unwrap(mesh, { textureSize, onProgress });
  return { target: shareArrays(bakeTarget(mesh, unwrapped.mesh, textureSize)), report: unwrapped.report };
}

async function detail(mesh: RawMesh): Promise<BakeDetail> {
  return shareArrays(bakeDetail(mesh));
}

async function gaussians(packed: PackedGaussians): Promise<GaussianParts> {
  return shareArrays(gaussianParts(unpackGaussians(packed)));
}

export interface BakeTask {
  readonly plan: BakePlan;
  /** In shared memory. */
  readonly texels: BakedTexels;
  /** Number of the next band, counted up by all threads that bake. */
  readonly next: Int32Array;
}

/** Bakes bands until there are none left. Which thread bakes a band does not change its bytes. */
async function bake({ plan, texels, next }: BakeTask, onProgress: Progress): Promise<void> {
  const bands = bandCount(plan);
  for (let band = Atomics.add(next, 0, 1); band < bands; band = Atomics.add(next, 0, 1)) {
    bakeBand(plan, band, texels);
    onProgress(band / bands);
  }
}

interface SpreadTask {
  readonly texels: BakedTexels;
  readonly size: number;
}

async function spread({ texels, size }: SpreadTask): Promise<{ baseColor: Image; normalMap: Image }> {
  return spreadTexels(texels, size);
}

export const CPU_TASKS = {
  extract,
  surface,
  unwrap: unwrapMesh,
  detail,
  gaussians,
  bake,
  spread,
  export: exportAsset,
  output: makeOutput,
} as const;
export type CpuTask = keyof typeof CPU_TASKS;
export type CpuTaskInput<T extends CpuTask> = Parameters<(typeof CPU_TASKS)[T]>[0];
export type CpuTaskOutput<T extends CpuTask> = Awaited<ReturnType<(typeof CPU_TASKS)[T]>>;

/** Tasks whose output leaves the thread with its memory, not as a copy: nothing in the thread needs it any more. */
export const MOVED_OUTPUTS: ReadonlySet<CpuTask> = new Set(['extract']);
