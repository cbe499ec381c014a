/** 3D Gaussians along bundles of parallel rays, composited front to back. */

import { type GaussianParts, MIN_ALPHA } from './gaussian-parts.ts';

/** Largest opacity of one Gaussian, as in the 3DGS rasteriser. */
const MAX_ALPHA = 0.99;
/** What is behind this little light is not looked at. */
const MIN_TRANSMITTANCE = 1e-3;
/** Values per record of a gathered Gaussian. */
const RECORD = 11;
/** exp(-x / 2) for x from 0 to beyond the largest limit, 2 ln 255; between the steps it is off by at most 5e-6. */
const EXP_STEPS = 160;
const EXP_TABLE = Float64Array.from({ length: 12 * EXP_STEPS + 2 }, (_, i) => Math.exp(-i / EXP_STEPS / 2));
/** Depths are sorted together with their places, packed into one double: 30 bits and 22. */
const PLACES = 2 ** 22;
const DEPTH_STEPS = 2 ** 28;

/** Parallel rays: where they are and which way they go. */
export interface RayBundle {
  /** World: a point that depths and the other two coordinates count from, and the three unit axes. */
  readonly origin: Float64Array;
  readonly across: Float64Array;
  readonly up: Float64Array;
  /** Along the rays. */
  readonly forward: Float64Array;
  /** All rays pass within this distance of the origin, and depths beyond it, either way, do not count. */
  radius: number;
  reach: number;
}

/**
 * A Gaussian seen along one direction is a two-dimensional one: where it is densest along a ray, and how dense it is
 * there, follow from the ray's place alone (Zwicker et al. 2001, "EWA volume splatting", without the perspective).
 * Worked out once per bundle, it makes each ray cheap.
 */
export class GaussianField {
  readonly #parts: GaussianParts;
  readonly #stack: Int32Array;
  readonly #box = new Float64Array(6);
  /** Of the Gaussians near the bundle: place across and up, conic 3, limit, opacity, depth, its slopes 2, number. */
  #near = new Float64Array(1024 * RECORD);
  #nearCount = 0;
  #keys = new Float64Array(1024);
  #unsorted = new Float64Array(1024 * RECORD);
  #alphas = new Float64Array(256);
  #depths = new Float64Array(256);
  #numbers = new Int32Array(256);
  #order = new Int32Array(256);

  constructor(parts: GaussianParts) {
    this.#parts = parts;
    this.#stack = new Int32Array(parts.tree.depth * 2 + 4);
  }

  /** Chooses the Gaussians that a bundle of rays may meet; `composite` looks at no others. */
  gather(bundle: RayBundle): void {
    const { boxes, offsets, counts, items } = this.#parts.tree;
    boxAround(bundle, this.#box);
    const box = this.#box;
    const [minX, minY, minZ] = [box[0] as number, box[1] as number, box[2] as number];
    const [maxX, maxY, maxZ] = [box[3] as number, box[4] as number, box[5] as number];
    const stack = this.#stack;
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
      for (let i = first; i < first + count; i++) this.#take(items[i] as number, bundle);
    }
    this.#lineUp();
  }

  /** Keeps a Gaussian that reaches into the bundle's cylinder, projected along the rays. */
  #take(g: number, { origin, across, up, forward, radius }: RayBundle): void {
    const { positions, reach, limits, whiten, opacities } = this.#parts;
    const cx = (positions[g * 3] as number) - (origin[0] as number);
    const cy = (positions[g * 3 + 1] as number) - (origin[1] as number);
    const cz = (positions[g * 3 + 2] as number) - (origin[2] as number);
    const u = cx * (across[0] as number) + cy * (across[1] as number) + cz * (across[2] as number);
    const v = cx * (up[0] as number) + cy * (up[1] as number) + cz * (up[2] as number);
    const far = radius + (reach[g] as number);
    if (u * u + v * v > far * far || !((limits[g] as number) > 0)) return;
    let [uu, uv, vv, uz, vz, zz] = [0, 0, 0, 0, 0, 0];
    for (let k = g * 9; k < g * 9 + 9; k += 3) {
      const [mx, my, mz] = [whiten[k] as number, whiten[k + 1] as number, whiten[k + 2] as number];
      const a = mx * (across[0] as number) + my * (across[1] as number) + mz * (across[2] as number);
      const b = mx * (up[0] as number) + my * (up[1] as number) + mz * (up[2] as number);
      const c = mx * (forward[0] as number) + my * (forward[1] as number) + mz * (forward[2] as number);
      uu += a * a;
      uv += a * b;
      vv += b * b;
      uz += a * c;
      vz += b * c;
      zz += c * c;
    }
    const depth = cx * (forward[0] as number) + cy * (forward[1] as number) + cz * (forward[2] as number);
    const count = this.#nearCount;
    if (count === this.#keys.length) this.#growNear();
    // The ray through the origin meets it at about this depth: the order of all rays, but for neighbours.
    const met = Math.min(2, Math.max(-2, depth + (uz * u + vz * v) / zz));
    this.#keys[count] = Math.floor((met + 2) * DEPTH_STEPS) * PLACES + count;
    const [record, at] = [this.#unsorted, count * RECORD];
    record[at] = u;
    record[at + 1] = v;
    record[at + 2] = uu - (uz * uz) / zz;
    record[at + 3] = 2 * (uv - (uz * vz) / zz);
    record[at + 4] = vv - (vz * vz) / zz;
    record[at + 5] = limits[g] as number;
    record[at + 6] = opacities[g] as number;
    record[at + 7] = depth;
    record[at + 8] = -uz / zz;
    record[at + 9] = -vz / zz;
    record[at + 10] = g;
    this.#nearCount = count + 1;
  }

  /** Sorts by depth, so that the hits of each ray come almost in order. Only speed depends on it. */
  #lineUp(): void {
    const [count, unsorted, near] = [this.#nearCount, this.#unsorted, this.#near];
    const keys = this.#keys.subarray(0, count);
    if (count <= PLACES) keys.sort();
    for (let i = 0; i < count; i++) {
      const place = count <= PLACES ? (keys[i] as number) % PLACES : i;
      for (let k = 0; k < RECORD; k++) near[i * RECORD + k] = unsorted[place * RECORD + k] as number;
    }
  }

  /**
   * Light along the ray of the bundle that passes the origin at (u, v), over depths (from, to): premultiplied sRGB in
   * out[0..2], opacity in out[3]. Each Gaussian counts where it is densest along the ray, in the order of those places.
   */
  composite(u: number, v: number, from: number, to: number, out: Float64Array): void {
    const near = this.#near;
    let [alphas, depths, numbers, order] = [this.#alphas, this.#depths, this.#numbers, this.#order];
    const end = this.#nearCount * RECORD;
    let hits = 0;
    for (let i = 0; i < end; i += RECORD) {
      const x = u - (near[i] as number);
      const y = v - (near[i + 1] as number);
      const distance2 =
        (near[i + 2] as number) * x * x + (near[i + 3] as number) * x * y + (near[i + 4] as number) * y * y;
      if (distance2 > (near[i + 5] as number)) continue;
      const depth = (near[i + 7] as number) + (near[i + 8] as number) * x + (near[i + 9] as number) * y;
      if (!(depth > from && depth < to)) continue;
      const step = Math.max(0, distance2) * EXP_STEPS;
      const low = Math.floor(step);
      const density = EXP_TABLE[low] as number;
      const falloff = density + (step - low) * ((EXP_TABLE[low + 1] as number) - density);
      const alpha = Math.min(MAX_ALPHA, (near[i + 6] as number) * falloff);
      if (alpha < MIN_ALPHA) continue;
      const g = near[i + 10] as number;
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

  #growNear(): void {
    const [keys, unsorted] = [this.#keys, this.#unsorted];
    this.#keys = new Float64Array(keys.length * 2);
    this.#keys.set(keys);
    this.#unsorted = new Float64Array(unsorted.length * 2);
    this.#unsorted.set(unsorted);
    // Filled anew for each bundle, after all were taken.
    this.#near = new Float64Array(unsorted.length * 2);
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

/** The box around a cylinder: along each axis its caps' middles, widened by the discs' extent. */
function boxAround({ origin, forward, radius, reach }: RayBundle, box: Float64Array): void {
  for (let k = 0; k < 3; k++) {
    const along = forward[k] as number;
    const half = Math.abs(along) * reach + Math.sqrt(Math.max(0, 1 - along * along)) * radius;
    box[k] = (origin[k] as number) - half;
    box[k + 3] = (origin[k] as number) + half;
  }
}
