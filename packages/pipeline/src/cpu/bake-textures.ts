/** The texture stage's work, shared out among the pool's threads. */
import {
  type BakePlan,
  emptyTexels,
  type Image,
  type RawMesh,
  type UnwrappedMesh,
  type UnwrapReport,
} from '@espalier/geometry';
import { allSettled } from './all-settled.ts';
import type { CpuRunOptions, CpuTasks } from './cpu-pool.ts';
import type { PackedGaussians } from './packed-gaussians.ts';

export interface BakeTexturesInput {
  /** To be textured. */
  readonly mesh: RawMesh;
  /** With the detail, and with the vertex colours. */
  readonly clean: RawMesh;
  /** Where the base colour comes from; absent: from the vertex colours. */
  readonly gaussians?: PackedGaussians | undefined;
  /** Pixels along one edge. */
  readonly textureSize: number;
}

export interface BakedTextures {
  readonly mesh: UnwrappedMesh;
  /** sRGB */
  readonly baseColor: Image;
  readonly normalMap: Image;
  readonly report: UnwrapReport;
}

/** Share of the progress that is told when everything is ready to be baked. */
const PREPARED = 0.3;

/**
 * Unwraps, and bakes base colour and normal map. The same bytes for any number of threads: bands of rows are
 * independent of each other.
 *
 * @throws what the tasks throw: see `CpuPool.run`
 */
export async function bakeTextures(
  cpu: CpuTasks,
  input: BakeTexturesInput,
  { signal, onProgress = () => {} }: CpuRunOptions = {},
): Promise<BakedTextures> {
  const { mesh, clean, textureSize } = input;
  const [unwrapped, detail, gaussians] = await allSettled([
    cpu.run('unwrap', { mesh, textureSize }, { signal }),
    cpu.run('detail', clean, { signal }),
    input.gaussians === undefined ? undefined : cpu.run('gaussians', input.gaussians, { signal }),
  ]);
  onProgress(PREPARED);
  const { target, report } = unwrapped;
  const plan: BakePlan = { target, detail, ...(gaussians !== undefined && { gaussians }) };
  const texels = emptyTexels(textureSize, true);
  const next = new Int32Array(new SharedArrayBuffer(4));
  let furthest = 0;
  const tellProgress = (share: number) => {
    furthest = Math.max(furthest, share);
    onProgress(PREPARED + (1 - PREPARED) * furthest);
  };
  const threads = Array.from({ length: cpu.size }, () =>
    cpu.run('bake', { plan, texels, next }, { signal, onProgress: tellProgress }).catch((error: unknown) => {
      // What the others would still bake is of no use.
      Atomics.store(next, 0, 1e9);
      throw error;
    }),
  );
  await allSettled(threads);
  const images = await cpu.run('spread', { texels, size: textureSize }, { signal });
  onProgress(1);
  return {
    mesh: {
      positions: target.mesh.positions.slice(),
      indices: target.mesh.indices.slice(),
      uvs: target.mesh.uvs.slice(),
      source: target.mesh.source.slice(),
    },
    baseColor: unshared(images.baseColor),
    normalMap: unshared(images.normalMap),
    report,
  };
}

/** Digests and encoders refuse memory that other threads could change under them. */
function unshared(image: Image): Image {
  return { ...image, data: image.data.slice() };
}
