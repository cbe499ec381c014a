/** Base colour from 3D Gaussians: what is seen when each texel is looked at straight on, from close by. */

import { GaussianField, type RayBundle } from '../spatial/gaussian-field.ts';
import type { GaussianParts } from '../spatial/gaussian-parts.ts';
import type { BakedTexels, BakeTarget } from './bake-plan.ts';
import { texelPoint, unitMix } from './bake-surface-rows.ts';

/** Rays start this far outside the surface, world units: Gaussians sit up to 1/64 off their voxel. */
const OUTSIDE = 1 / 48;
/** Rays end this far inside the surface. */
const INSIDE = 1 / 32;
/** Above this opacity the Gaussians' colour stands alone; below it, what stood there before is mixed in. */
const OPAQUE = 0.5;
/** Texels along one side of the blocks that are baked together. */
export const BLOCK = 4;
/** Blocks that spread wider than this, in world units, are cut up: they show several charts. */
const MAX_RADIUS = 0.02;
/**
 * Rays of a block are taken for parallel while each is within 5 degrees of their mean; else the block is cut up, down to
 * single texels. Each ray passes through its own point of the surface, which the Gaussians lie close to.
 */
const MIN_COSINE = Math.cos((5 * Math.PI) / 180);

/**
 * Lays the Gaussians' colour over rows [from, to) of the base colour, which hold the vertex colours already.
 *
 * @param from a multiple of `BLOCK`, so that the blocks are the same however rows are shared out
 */
export function bakeGaussianRows(
  target: BakeTarget,
  gaussians: GaussianParts,
  out: BakedTexels,
  from: number,
  to: number,
): void {
  const blocks = new BlockBaker(target, gaussians, out);
  for (let y = from; y < to; y += BLOCK) {
    for (let x = 0; x < target.texels.size; x += BLOCK) blocks.bake(x, y, BLOCK);
  }
}

class BlockBaker {
  readonly #target: BakeTarget;
  readonly #out: BakedTexels;
  readonly #field: GaussianField;
  readonly #list = new Int32Array(BLOCK * BLOCK);
  /** [texels, 3] points of the surface, and directions into it. */
  readonly #points = new Float64Array(BLOCK * BLOCK * 3);
  readonly #directions = new Float64Array(BLOCK * BLOCK * 3);
  readonly #bundle: RayBundle = {
    origin: new Float64Array(3),
    across: new Float64Array(3),
    up: new Float64Array(3),
    forward: new Float64Array(3),
    radius: 0,
    reach: 0,
  };
  readonly #light = new Float64Array(4);
  readonly #vector = new Float64Array(3);

  constructor(target: BakeTarget, gaussians: GaussianParts, out: BakedTexels) {
    this.#target = target;
    this.#out = out;
    this.#field = new GaussianField(gaussians);
  }

  bake(x0: number, y0: number, width: number): void {
    const { texels } = this.#target;
    const { size } = texels;
    let count = 0;
    for (let y = y0; y < Math.min(y0 + width, size); y++) {
      for (let x = x0; x < Math.min(x0 + width, size); x++) {
        const texel = y * size + x;
        if ((texels.face[texel] as number) < 0) continue;
        this.#setRay(texel, count * 3);
        this.#list[count++] = texel;
      }
    }
    if (count === 0) return;
    if (!this.#aim(count) && width > 1) {
      const half = width / 2;
      this.bake(x0, y0, half);
      this.bake(x0 + half, y0, half);
      this.bake(x0, y0 + half, half);
      this.bake(x0 + half, y0 + half, half);
      return;
    }
    this.#field.gather(this.#bundle);
    for (let i = 0; i < count; i++) this.#shade(this.#list[i] as number, i * 3);
  }

  #setRay(texel: number, at: number): void {
    const { mesh, normals, texels } = this.#target;
    const vector = this.#vector;
    texelPoint(mesh, texels, texel, vector);
    this.#points.set(vector, at);
    const face = texels.face[texel] as number;
    unitMix(normals, 3, mesh.indices, face, texels.v[texel] as number, texels.w[texel] as number, vector);
    for (let k = 0; k < 3; k++) this.#directions[at + k] = -(vector[k] as number);
  }

  /** Lays the bundle through the block's texels. False when they are no bundle. */
  #aim(count: number): boolean {
    const [points, directions] = [this.#points, this.#directions];
    const { origin, across, up, forward } = this.#bundle;
    origin.fill(0);
    forward.fill(0);
    for (let i = 0; i < count * 3; i++) {
      const k = i % 3;
      origin[k] = (origin[k] as number) + (points[i] as number) / count;
      forward[k] = (forward[k] as number) + (directions[i] as number);
    }
    const norm = Math.hypot(forward[0] as number, forward[1] as number, forward[2] as number);
    // Directions that cancel out have no mean.
    if (!(norm > 1e-6)) return false;
    for (let k = 0; k < 3; k++) forward[k] = (forward[k] as number) / norm;
    let [radius2, height, cosine] = [0, 0, 1];
    for (let i = 0; i < count * 3; i += 3) {
      const x = (points[i] as number) - (origin[0] as number);
      const y = (points[i + 1] as number) - (origin[1] as number);
      const z = (points[i + 2] as number) - (origin[2] as number);
      const along = x * (forward[0] as number) + y * (forward[1] as number) + z * (forward[2] as number);
      radius2 = Math.max(radius2, x * x + y * y + z * z - along * along);
      height = Math.max(height, Math.abs(along));
      const turn =
        (directions[i] as number) * (forward[0] as number) +
        (directions[i + 1] as number) * (forward[1] as number) +
        (directions[i + 2] as number) * (forward[2] as number);
      cosine = Math.min(cosine, turn);
    }
    setAxes(forward, across, up);
    this.#bundle.radius = Math.sqrt(radius2);
    this.#bundle.reach = height + Math.max(OUTSIDE, INSIDE);
    return this.#bundle.radius + height <= MAX_RADIUS && cosine >= MIN_COSINE;
  }

  #shade(texel: number, at: number): void {
    const { origin, across, up, forward } = this.#bundle;
    const [points, light] = [this.#points, this.#light];
    const x = (points[at] as number) - (origin[0] as number);
    const y = (points[at + 1] as number) - (origin[1] as number);
    const z = (points[at + 2] as number) - (origin[2] as number);
    const u = x * (across[0] as number) + y * (across[1] as number) + z * (across[2] as number);
    const v = x * (up[0] as number) + y * (up[1] as number) + z * (up[2] as number);
    const depth = x * (forward[0] as number) + y * (forward[1] as number) + z * (forward[2] as number);
    this.#field.composite(u, v, depth - OUTSIDE, depth + INSIDE, light);
    const opacity = light[3] as number;
    if (!(opacity > 0)) return;
    const { baseColor } = this.#out;
    const own = Math.min(1, opacity / OPAQUE);
    for (let c = 0; c < 3; c++) {
      const color = (light[c] as number) / opacity;
      const before = (baseColor[texel * 3 + c] as number) / 255;
      baseColor[texel * 3 + c] = Math.round(255 * Math.min(1, color * own + before * (1 - own)));
    }
  }
}

/** Two unit vectors at right angles to the first and to each other (Duff et al. 2017). */
function setAxes(forward: Float64Array, across: Float64Array, up: Float64Array): void {
  const [x, y, z] = [forward[0] as number, forward[1] as number, forward[2] as number];
  const sign = z >= 0 ? 1 : -1;
  const a = -1 / (sign + z);
  const b = x * y * a;
  across[0] = 1 + sign * x * x * a;
  across[1] = sign * b;
  across[2] = -sign * x;
  up[0] = b;
  up[1] = sign + y * y * a;
  up[2] = -y;
}
