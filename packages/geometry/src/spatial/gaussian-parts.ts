/** What of 3D Gaussians rays need, worked out once: plain arrays, so that threads can share them. */

import type { Gaussians } from '../gaussians.ts';
import { Bvh } from './bvh.ts';

/** Contributions below this opacity are left out, as in the 3DGS rasteriser. */
export const MIN_ALPHA = 1 / 255;
/** Degree 0 spherical harmonic. */
const SH_C0 = 0.28209479177387814;

export interface GaussianParts {
  readonly count: number;
  /** [G, 3] */
  readonly positions: Float32Array;
  readonly opacities: Float32Array;
  /** [G, 9] row-major matrices that take world offsets to standard deviations along the own axes. */
  readonly whiten: Float32Array;
  /** [G] squared number of standard deviations beyond which a Gaussian is below `MIN_ALPHA`. */
  readonly limits: Float32Array;
  /** [G] radius of a sphere around what counts. */
  readonly reach: Float32Array;
  /** [G, 3] sRGB, 0 to 1. */
  readonly colors: Float32Array;
  /** Over the boxes around what counts. */
  readonly tree: Bvh;
}

export function gaussianParts({ count, positions, scales, rotations, sh0, opacities }: Gaussians): GaussianParts {
  const whiten = new Float32Array(count * 9);
  const limits = new Float32Array(count);
  const reach = new Float32Array(count);
  const bounds = new Float32Array(count * 6);
  const m = new Float64Array(9);
  for (let g = 0; g < count; g++) {
    const limit = Math.max(0, 2 * Math.log((opacities[g] as number) / MIN_ALPHA));
    limits[g] = limit;
    rotationMatrix(rotations, g, m);
    let largest = 0;
    for (let axis = 0; axis < 3; axis++) {
      const deviation = Math.max(scales[g * 3 + axis] as number, 1e-7);
      largest = Math.max(largest, deviation);
      // Row `axis` of the inverse is the rotation's column `axis` over the deviation.
      for (let k = 0; k < 3; k++) whiten[g * 9 + axis * 3 + k] = (m[k * 3 + axis] as number) / deviation;
    }
    reach[g] = largest * Math.sqrt(limit);
    for (let k = 0; k < 3; k++) {
      let variance = 0;
      for (let axis = 0; axis < 3; axis++)
        variance += ((m[k * 3 + axis] as number) * (scales[g * 3 + axis] as number)) ** 2;
      const extent = Math.sqrt(variance * limit);
      const center = positions[g * 3 + k] as number;
      bounds[g * 6 + k] = center - extent;
      bounds[g * 6 + k + 3] = center + extent;
    }
  }
  const colors = sh0.map((value) => Math.min(1, Math.max(0, 0.5 + SH_C0 * value)));
  return { count, positions, opacities, whiten, limits, reach, colors, tree: new Bvh(bounds) };
}

/** Row-major matrix of a unit quaternion, w first. */
function rotationMatrix(rotations: Float32Array, g: number, out: Float64Array): void {
  const w = rotations[g * 4] as number;
  const x = rotations[g * 4 + 1] as number;
  const y = rotations[g * 4 + 2] as number;
  const z = rotations[g * 4 + 3] as number;
  out[0] = 1 - 2 * (y * y + z * z);
  out[1] = 2 * (x * y - w * z);
  out[2] = 2 * (x * z + w * y);
  out[3] = 2 * (x * y + w * z);
  out[4] = 1 - 2 * (x * x + z * z);
  out[5] = 2 * (y * z - w * x);
  out[6] = 2 * (x * z - w * y);
  out[7] = 2 * (y * z + w * x);
  out[8] = 1 - 2 * (x * x + y * y);
}
