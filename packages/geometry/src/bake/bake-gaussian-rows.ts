/** Base colour from 3D Gaussians: what is seen when each texel is looked at straight on, from close by. */

import { GaussianField } from '../spatial/gaussian-field.ts';
import type { GaussianParts } from '../spatial/gaussian-parts.ts';
import type { BakedTexels, BakeTarget } from './bake-plan.ts';
import { texelPoint } from './bake-surface-rows.ts';

/** Rays start this far outside the surface, world units: Gaussians sit up to 1/64 off their voxel. */
const OUTSIDE = 1 / 48;
/** Rays end this far inside the surface. */
const INSIDE = 1 / 32;
const LENGTH = OUTSIDE + INSIDE;
/** Above this opacity the Gaussians' colour stands alone; below it, what stood there before is mixed in. */
const OPAQUE = 0.5;
/** Texels along one side of the blocks that share one search of the tree. */
export const BLOCK = 4;
/** Blocks whose rays spread wider than this, in world units, are cut up: they show several charts. */
const MAX_RADIUS = 0.03;

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
  /** Origins and unit directions. */
  readonly #rays = new Float64Array(BLOCK * BLOCK * 6);
  readonly #axis = new Float64Array(6);
  readonly #box = new Float64Array(6);
  readonly #light = new Float64Array(4);
  readonly #point = new Float64Array(3);

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
        this.#setRay(texel, count * 6);
        this.#list[count++] = texel;
      }
    }
    if (count === 0) return;
    const radius = encloseRays(this.#rays, count, this.#box, this.#axis);
    if (width > 1 && radius > MAX_RADIUS) {
      const half = width / 2;
      this.bake(x0, y0, half);
      this.bake(x0 + half, y0, half);
      this.bake(x0, y0 + half, half);
      this.bake(x0 + half, y0 + half, half);
      return;
    }
    this.#field.gather(this.#box, this.#axis, radius);
    for (let i = 0; i < count; i++) this.#shade(this.#list[i] as number, i * 6);
  }

  #shade(texel: number, ray: number): void {
    const [rays, light] = [this.#rays, this.#light];
    this.#field.composite(
      rays[ray] as number,
      rays[ray + 1] as number,
      rays[ray + 2] as number,
      rays[ray + 3] as number,
      rays[ray + 4] as number,
      rays[ray + 5] as number,
      LENGTH,
      light,
    );
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

  /** Origin outside the surface and unit direction against the interpolated normal. */
  #setRay(texel: number, at: number): void {
    const { mesh, normals, texels } = this.#target;
    const face = (texels.face[texel] as number) * 3;
    const [v, w] = [texels.v[texel] as number, texels.w[texel] as number];
    const a = (mesh.indices[face] as number) * 3;
    const b = (mesh.indices[face + 1] as number) * 3;
    const c = (mesh.indices[face + 2] as number) * 3;
    const u = 1 - v - w;
    const nx = (normals[a] as number) * u + (normals[b] as number) * v + (normals[c] as number) * w;
    const ny = (normals[a + 1] as number) * u + (normals[b + 1] as number) * v + (normals[c + 1] as number) * w;
    const nz = (normals[a + 2] as number) * u + (normals[b + 2] as number) * v + (normals[c + 2] as number) * w;
    const length = Math.sqrt(nx * nx + ny * ny + nz * nz) || 1;
    const [rays, point] = [this.#rays, this.#point];
    texelPoint(mesh, texels, texel, point);
    rays[at + 3] = -nx / length;
    rays[at + 4] = -ny / length;
    rays[at + 5] = -nz / length;
    for (let k = 0; k < 3; k++) rays[at + k] = (point[k] as number) - (rays[at + 3 + k] as number) * OUTSIDE;
  }
}

/** Box and cylinder around the rays; gives the cylinder's radius. Its axis is the rays' mean. */
function encloseRays(rays: Float64Array, count: number, box: Float64Array, axis: Float64Array): number {
  box.fill(Infinity, 0, 3).fill(-Infinity, 3, 6);
  axis.fill(0);
  for (let i = 0; i < count * 6; i += 6) {
    for (let k = 0; k < 3; k++) {
      const from = rays[i + k] as number;
      const to = from + (rays[i + 3 + k] as number) * LENGTH;
      box[k] = Math.min(box[k] as number, from, to);
      box[k + 3] = Math.max(box[k + 3] as number, from, to);
      axis[k] = (axis[k] as number) + from / count;
      axis[k + 3] = (axis[k + 3] as number) + (rays[i + 3 + k] as number);
    }
  }
  let [dx, dy, dz] = [axis[3] as number, axis[4] as number, axis[5] as number];
  const norm = Math.sqrt(dx * dx + dy * dy + dz * dz);
  // Rays that cancel out have no mean direction: a cylinder that holds everything makes the block be cut up.
  if (!(norm > 1e-6)) return Infinity;
  [dx, dy, dz] = [dx / norm, dy / norm, dz / norm];
  [axis[3], axis[4], axis[5]] = [dx, dy, dz];
  let radius2 = 0;
  for (let i = 0; i < count * 6; i += 6) {
    for (let t = 0; t <= LENGTH; t += LENGTH) {
      const px = (rays[i] as number) + (rays[i + 3] as number) * t - (axis[0] as number);
      const py = (rays[i + 1] as number) + (rays[i + 4] as number) * t - (axis[1] as number);
      const pz = (rays[i + 2] as number) + (rays[i + 5] as number) * t - (axis[2] as number);
      const along = px * dx + py * dy + pz * dz;
      radius2 = Math.max(radius2, px * px + py * py + pz * pz - along * along);
    }
  }
  return Math.sqrt(radius2);
}
