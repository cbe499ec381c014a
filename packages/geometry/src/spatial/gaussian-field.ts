/** 3D Gaussians along rays, composited front to back. */

import type { Gaussians } from '../gaussians.ts';
import { Bvh } from './bvh.ts';

/** Contributions below this opacity are left out, as in the 3DGS rasteriser. */
const MIN_ALPHA = 1 / 255;
/** Largest opacity of one Gaussian, as in the 3DGS rasteriser. */
const MAX_ALPHA = 0.99;
/** Beyond this many standard deviations even an opaque Gaussian is below `MIN_ALPHA`: sqrt(2 ln 255). */
const REACH = Math.sqrt(2 * Math.log(255));
/** What is behind this little light is not looked at. */
const MIN_TRANSMITTANCE = 1e-3;
/** Values per record of a gathered Gaussian. */
const RECORD = 15;
/** Degree 0 spherical harmonic. */
const SH_C0 = 0.28209479177387814;

export class GaussianField {
  readonly #gaussians: Gaussians;
  readonly #tree: Bvh;
  readonly #stack: Int32Array;
  /** [G, 9] row-major matrices that take world offsets to standard deviations along the own axes. */
  readonly #whiten: Float32Array;
  /** [G] radius of a sphere around what counts. */
  readonly #reach: Float32Array;
  /** [G, 3] sRGB. */
  readonly #colors: Float32Array;
  /** Records of the Gaussians near the place at hand: centre 3, squared reach, opacity, number, matrix 9. */
  #near = new Float64Array(1024 * RECORD);
  #nearCount = 0;
  readonly #found: number[] = [];
  /** [G] depth along the axis of the last search that found each one. */
  readonly #foundDepth: Float64Array;
  #alphas = new Float64Array(256);
  #depths = new Float64Array(256);
  #order = new Int32Array(256);

  constructor(gaussians: Gaussians) {
    const { count, positions, scales, rotations, sh0 } = gaussians;
    this.#gaussians = gaussians;
    this.#whiten = new Float32Array(count * 9);
    this.#reach = new Float32Array(count);
    this.#foundDepth = new Float64Array(count);
    this.#colors = sh0.map((value) => Math.min(1, Math.max(0, 0.5 + SH_C0 * value)));
    const bounds = new Float32Array(count * 6);
    const m = new Float64Array(9);
    for (let g = 0; g < count; g++) {
      rotationMatrix(rotations, g, m);
      let largest = 0;
      for (let axis = 0; axis < 3; axis++) {
        const deviation = Math.max(scales[g * 3 + axis] as number, 1e-7);
        largest = Math.max(largest, deviation);
        // Row `axis` of the inverse is the rotation's column `axis` over the deviation.
        for (let k = 0; k < 3; k++) this.#whiten[g * 9 + axis * 3 + k] = (m[k * 3 + axis] as number) / deviation;
      }
      this.#reach[g] = largest * REACH;
      for (let k = 0; k < 3; k++) {
        let variance = 0;
        for (let axis = 0; axis < 3; axis++)
          variance += ((m[k * 3 + axis] as number) * (scales[g * 3 + axis] as number)) ** 2;
        const reach = Math.sqrt(variance) * REACH;
        const center = positions[g * 3 + k] as number;
        bounds[g * 6 + k] = center - reach;
        bounds[g * 6 + k + 3] = center + reach;
      }
    }
    this.#tree = new Bvh(bounds);
    this.#stack = new Int32Array(this.#tree.depth * 2 + 4);
  }

  /**
   * Chooses the Gaussians that touch both a box and a cylinder around a ray; `composite` looks at no others.
   *
   * @param box min x, y, z, max x, y, z.
   * @param axis origin and unit direction of the cylinder's axis.
   */
  gather(box: Float64Array, axis: Float64Array, radius: number): void {
    const { boxes, offsets, counts, items } = this.#tree;
    const [minX, minY, minZ] = [box[0] as number, box[1] as number, box[2] as number];
    const [maxX, maxY, maxZ] = [box[3] as number, box[4] as number, box[5] as number];
    const stack = this.#stack;
    this.#found.length = 0;
    this.#nearCount = 0;
    if (this.#gaussians.count === 0) return;
    let top = 0;
    stack[top++] = 0;
    while (top > 0) {
      const node = stack[--top] as number;
      const b = node * 6;
      const isApart =
        (boxes[b] as number) > maxX ||
        (boxes[b + 1] as number) > maxY ||
        (boxes[b + 2] as number) > maxZ ||
        (boxes[b + 3] as number) < minX ||
        (boxes[b + 4] as number) < minY ||
        (boxes[b + 5] as number) < minZ;
      if (isApart) continue;
      const count = counts[node] as number;
      const first = offsets[node] as number;
      if (count === 0) {
        stack[top++] = first;
        stack[top++] = node + 1;
        continue;
      }
      for (let i = first; i < first + count; i++) this.#take(items[i] as number, axis, radius);
    }
    this.#lineUp();
  }

  /** Keeps a Gaussian that reaches into the cylinder. */
  #take(g: number, axis: Float64Array, radius: number): void {
    const { positions } = this.#gaussians;
    const px = (positions[g * 3] as number) - (axis[0] as number);
    const py = (positions[g * 3 + 1] as number) - (axis[1] as number);
    const pz = (positions[g * 3 + 2] as number) - (axis[2] as number);
    const along = px * (axis[3] as number) + py * (axis[4] as number) + pz * (axis[5] as number);
    if (px * px + py * py + pz * pz - along * along > (radius + (this.#reach[g] as number)) ** 2) return;
    this.#found.push(g);
    this.#foundDepth[g] = along;
  }

  /**
   * Copies what was found, nearest first, to the stretch of memory that `composite` runs over: the hits of each ray
   * then come almost in order.
   */
  #lineUp(): void {
    const { positions, opacities } = this.#gaussians;
    const [found, depth] = [this.#found, this.#foundDepth];
    found.sort((a, b) => (depth[a] as number) - (depth[b] as number) || a - b);
    if (found.length * RECORD > this.#near.length) this.#near = new Float64Array(found.length * RECORD * 2);
    const near = this.#near;
    let at = 0;
    for (const g of found) {
      for (let k = 0; k < 3; k++) near[at + k] = positions[g * 3 + k] as number;
      near[at + 3] = (this.#reach[g] as number) ** 2;
      near[at + 4] = opacities[g] as number;
      near[at + 5] = g;
      for (let k = 0; k < 9; k++) near[at + 6 + k] = this.#whiten[g * 9 + k] as number;
      at += RECORD;
    }
    this.#nearCount = found.length;
  }

  /**
   * Light along a ray over (0, length): premultiplied sRGB in out[0..2], opacity in out[3]. Each gathered Gaussian
   * counts where it is densest along the ray, in the order of those places.
   *
   * @param dx unit direction.
   */
  composite(
    ox: number,
    oy: number,
    oz: number,
    dx: number,
    dy: number,
    dz: number,
    length: number,
    out: Float64Array,
  ): void {
    const near = this.#near;
    let hits = 0;
    for (let i = 0; i < this.#nearCount * RECORD; i += RECORD) {
      const px = ox - (near[i] as number);
      const py = oy - (near[i + 1] as number);
      const pz = oz - (near[i + 2] as number);
      const along = px * dx + py * dy + pz * dz;
      if (px * px + py * py + pz * pz - along * along > (near[i + 3] as number)) continue;
      const m0 = near[i + 6] as number;
      const m1 = near[i + 7] as number;
      const m2 = near[i + 8] as number;
      const m3 = near[i + 9] as number;
      const m4 = near[i + 10] as number;
      const m5 = near[i + 11] as number;
      const m6 = near[i + 12] as number;
      const m7 = near[i + 13] as number;
      const m8 = near[i + 14] as number;
      const qx = m0 * px + m1 * py + m2 * pz;
      const qy = m3 * px + m4 * py + m5 * pz;
      const qz = m6 * px + m7 * py + m8 * pz;
      const ex = m0 * dx + m1 * dy + m2 * dz;
      const ey = m3 * dx + m4 * dy + m5 * dz;
      const ez = m6 * dx + m7 * dy + m8 * dz;
      const ee = ex * ex + ey * ey + ez * ez;
      const qe = qx * ex + qy * ey + qz * ez;
      const depth = -qe / ee;
      if (!(depth > 0 && depth < length)) continue;
      const distance2 = Math.max(0, qx * qx + qy * qy + qz * qz - (qe * qe) / ee);
      if (distance2 > REACH * REACH) continue;
      const alpha = Math.min(MAX_ALPHA, (near[i + 4] as number) * Math.exp(-distance2 / 2));
      if (alpha < MIN_ALPHA) continue;
      const g = near[i + 5] as number;
      if (hits === this.#order.length) this.#growHits();
      // Insertion keeps them sorted; equal depths go by number, so that the order of gathering does not matter.
      let at = hits++;
      while (at > 0) {
        const before = this.#depths[at - 1] as number;
        if (before < depth || (before === depth && (this.#order[at - 1] as number) < g)) break;
        this.#depths[at] = before;
        this.#alphas[at] = this.#alphas[at - 1] as number;
        this.#order[at] = this.#order[at - 1] as number;
        at--;
      }
      this.#depths[at] = depth;
      this.#alphas[at] = alpha;
      this.#order[at] = g;
    }
    let [r, g, b, transmittance] = [0, 0, 0, 1];
    for (let i = 0; i < hits && transmittance > MIN_TRANSMITTANCE; i++) {
      const color = (this.#order[i] as number) * 3;
      const weight = transmittance * (this.#alphas[i] as number);
      r += weight * (this.#colors[color] as number);
      g += weight * (this.#colors[color + 1] as number);
      b += weight * (this.#colors[color + 2] as number);
      transmittance *= 1 - (this.#alphas[i] as number);
    }
    out[0] = r;
    out[1] = g;
    out[2] = b;
    out[3] = 1 - transmittance;
  }

  #growHits(): void {
    const [alphas, depths, order] = [this.#alphas, this.#depths, this.#order];
    this.#alphas = new Float64Array(order.length * 2);
    this.#depths = new Float64Array(order.length * 2);
    this.#order = new Int32Array(order.length * 2);
    this.#order.set(order);
    this.#alphas.set(alphas);
    this.#depths.set(depths);
  }
}

/** Row-major matrix of a unit quaternion, w first. */
function rotationMatrix(rotations: Float32Array, g: number, out: Float64Array): void {
  const [w, x, y, z] = [0, 1, 2, 3].map((k) => rotations[g * 4 + k] as number) as [number, number, number, number];
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
