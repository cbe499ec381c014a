/**
 * 3D Gaussians along single rays of any direction, composited front to back: the plain form of what the bake does for
 * bundles, which pictures of the source are drawn with.
 */

import type { GaussianParts } from '@espalier/geometry';

/** Contributions below this opacity are left out, as in the 3DGS rasteriser. */
const MIN_ALPHA = 1 / 255;

/** Largest opacity of one Gaussian, as in the 3DGS rasteriser. */
const MAX_ALPHA = 0.99;
/** What is behind this little light is not looked at. */
const MIN_TRANSMITTANCE = 1e-3;
/** Values per record of a gathered Gaussian. */
const RECORD = 16;
/** exp(-x / 2) for x from 0 to beyond the largest limit, 2 ln 255; between the steps it is off by at most 5e-6. */
const EXP_STEPS = 160;
const EXP_TABLE = Float64Array.from({ length: 12 * EXP_STEPS + 2 }, (_, i) => Math.exp(-i / EXP_STEPS / 2));
/** Depths are sorted together with their places, packed into one double: 30 bits and 22. */
const PLACES = 2 ** 22;
const DEPTH_STEPS = 2 ** 28;

export class ReferenceField {
  readonly #parts: GaussianParts;
  readonly #stack: Int32Array;
  /** Of the Gaussians near the place at hand: centre 3, squared reach, limit, opacity, number, matrix 9. */
  #near = new Float64Array(1024 * RECORD);
  #nearCount = 0;
  #found = new Int32Array(1024);
  #foundCount = 0;
  #keys = new Float64Array(1024);
  #alphas = new Float64Array(256);
  #depths = new Float64Array(256);
  #numbers = new Int32Array(256);
  #order = new Int32Array(256);

  constructor(parts: GaussianParts) {
    this.#parts = parts;
    this.#stack = new Int32Array(parts.tree.depth * 2 + 4);
  }

  /**
   * Chooses the Gaussians that touch both a box and a cylinder around a ray; `composite` looks at no others.
   *
   * @param box min x, y, z, max x, y, z.
   * @param axis origin and unit direction of the cylinder's axis.
   */
  gather(box: Float64Array, axis: Float64Array, radius: number): void {
    const { boxes, offsets, counts, items } = this.#parts.tree;
    const [minX, minY, minZ] = [box[0] as number, box[1] as number, box[2] as number];
    const [maxX, maxY, maxZ] = [box[3] as number, box[4] as number, box[5] as number];
    const stack = this.#stack;
    this.#foundCount = 0;
    this.#nearCount = 0;
    if (this.#parts.count === 0) return;
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

  /** Keeps a Gaussian that reaches into the cylinder, with the depth at which the axis itself would meet it. */
  #take(g: number, axis: Float64Array, radius: number): void {
    const { positions, reach, limits, whiten } = this.#parts;
    const [dx, dy, dz] = [axis[3] as number, axis[4] as number, axis[5] as number];
    const px = (axis[0] as number) - (positions[g * 3] as number);
    const py = (axis[1] as number) - (positions[g * 3 + 1] as number);
    const pz = (axis[2] as number) - (positions[g * 3 + 2] as number);
    const along = px * dx + py * dy + pz * dz;
    const far = radius + (reach[g] as number);
    if (px * px + py * py + pz * pz - along * along > far * far || !((limits[g] as number) > 0)) return;
    let [ee, qe] = [0, 0];
    for (let k = g * 9; k < g * 9 + 9; k += 3) {
      const [mx, my, mz] = [whiten[k] as number, whiten[k + 1] as number, whiten[k + 2] as number];
      const e = mx * dx + my * dy + mz * dz;
      ee += e * e;
      qe += e * (mx * px + my * py + mz * pz);
    }
    if (this.#foundCount === this.#found.length) this.#growFound();
    const depth = Math.min(2, Math.max(-2, -qe / ee));
    this.#keys[this.#foundCount] = Math.floor((depth + 2) * DEPTH_STEPS) * PLACES + this.#foundCount;
    this.#found[this.#foundCount++] = g;
  }

  /**
   * Copies what was found, nearest first, to the stretch of memory that `composite` runs over: the hits of each ray
   * then come almost in order. Only speed depends on this order.
   */
  #lineUp(): void {
    const { positions, opacities, reach, limits, whiten } = this.#parts;
    const count = this.#foundCount;
    const keys = this.#keys.subarray(0, count);
    if (count <= PLACES) keys.sort();
    if (count * RECORD > this.#near.length) this.#near = new Float64Array(count * RECORD * 2);
    const near = this.#near;
    let at = 0;
    for (let i = 0; i < count; i++) {
      const place = count <= PLACES ? (keys[i] as number) % PLACES : i;
      const g = this.#found[place] as number;
      near[at] = positions[g * 3] as number;
      near[at + 1] = positions[g * 3 + 1] as number;
      near[at + 2] = positions[g * 3 + 2] as number;
      near[at + 3] = (reach[g] as number) * (reach[g] as number);
      near[at + 4] = limits[g] as number;
      near[at + 5] = opacities[g] as number;
      near[at + 6] = g;
      for (let k = 0; k < 9; k++) near[at + 7 + k] = whiten[g * 9 + k] as number;
      at += RECORD;
    }
    this.#nearCount = count;
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
    let [alphas, depths, numbers, order] = [this.#alphas, this.#depths, this.#numbers, this.#order];
    const end = this.#nearCount * RECORD;
    let hits = 0;
    for (let i = 0; i < end; i += RECORD) {
      const px = ox - (near[i] as number);
      const py = oy - (near[i + 1] as number);
      const pz = oz - (near[i + 2] as number);
      const along = px * dx + py * dy + pz * dz;
      if (px * px + py * py + pz * pz - along * along > (near[i + 3] as number)) continue;
      const m0 = near[i + 7] as number;
      const m1 = near[i + 8] as number;
      const m2 = near[i + 9] as number;
      const m3 = near[i + 10] as number;
      const m4 = near[i + 11] as number;
      const m5 = near[i + 12] as number;
      const m6 = near[i + 13] as number;
      const m7 = near[i + 14] as number;
      const m8 = near[i + 15] as number;
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
      const distance2 = Math.max(0, qx * qx + qy * qy + qz * qz + qe * depth);
      if (distance2 > (near[i + 4] as number)) continue;
      const step = distance2 * EXP_STEPS;
      const low = Math.floor(step);
      const density = EXP_TABLE[low] as number;
      const falloff = density + (step - low) * ((EXP_TABLE[low + 1] as number) - density);
      const alpha = Math.min(MAX_ALPHA, (near[i + 5] as number) * falloff);
      if (alpha < MIN_ALPHA) continue;
      const g = near[i + 6] as number;
      if (hits === order.length) {
        this.#growHits();
        [alphas, depths, numbers, order] = [this.#alphas, this.#depths, this.#numbers, this.#order];
      }
      // Insertion keeps them sorted; equal depths go by number, so that the order of gathering does not matter.
      let at = hits;
      while (at > 0) {
        const before = order[at - 1] as number;
        const other = depths[before] as number;
        if (other < depth || (other === depth && (numbers[before] as number) < g)) break;
        order[at--] = before;
      }
      order[at] = hits;
      depths[hits] = depth;
      alphas[hits] = alpha;
      numbers[hits++] = g;
    }
    const { colors } = this.#parts;
    let [red, green, blue, transmittance] = [0, 0, 0, 1];
    for (let i = 0; i < hits && transmittance > MIN_TRANSMITTANCE; i++) {
      const hit = order[i] as number;
      const color = (numbers[hit] as number) * 3;
      const weight = transmittance * (alphas[hit] as number);
      red += weight * (colors[color] as number);
      green += weight * (colors[color + 1] as number);
      blue += weight * (colors[color + 2] as number);
      transmittance *= 1 - (alphas[hit] as number);
    }
    out[0] = red;
    out[1] = green;
    out[2] = blue;
    out[3] = 1 - transmittance;
  }

  #growFound(): void {
    const [found, keys] = [this.#found, this.#keys];
    this.#found = new Int32Array(found.length * 2);
    this.#found.set(found);
    this.#keys = new Float64Array(keys.length * 2);
    this.#keys.set(keys);
  }

  #growHits(): void {
    const [alphas, depths, numbers, order] = [this.#alphas, this.#depths, this.#numbers, this.#order];
    this.#alphas = new Float64Array(order.length * 2);
    this.#depths = new Float64Array(order.length * 2);
    this.#numbers = new Int32Array(order.length * 2);
    this.#order = new Int32Array(order.length * 2);
    this.#alphas.set(alphas);
    this.#depths.set(depths);
    this.#numbers.set(numbers);
    this.#order.set(order);
  }
}
