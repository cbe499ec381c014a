/** Base colour from 3D Gaussians: what is seen when each texel is looked at straight on, from close by. */

import type { Gaussians } from '../gaussians.ts';
import { checkpoint, type Interruptible } from '../interruptible.ts';
import { GaussianField } from '../spatial/gaussian-field.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';
import { dilate } from './dilate.ts';
import type { Image } from './image.ts';
import { mapTexels, type TexelMap } from './texel-map.ts';

export interface BakeGaussiansOptions extends Interruptible {
  readonly target: UnwrappedMesh;
  /** [V, 3] smooth normals of the target: the rays run against them. */
  readonly normals: Float32Array;
  readonly gaussians: Gaussians;
  readonly textureSize: number;
  /** Colours for texels that the Gaussians leave (partly) transparent: a baked image of the same size. */
  readonly fallback?: Image;
  /** Rays start this far outside the surface, world units. Default 1/48: Gaussians sit up to 1/64 off their voxel. */
  readonly outside?: number;
  /** Rays end this far inside the surface. Default 1/32. */
  readonly inside?: number;
  readonly texels?: TexelMap;
}

/** Above this opacity the Gaussians' colour stands alone; below it, the fallback is mixed in. */
const OPAQUE = 0.5;
/** Texels along one side of the blocks that share one search of the tree. */
const BLOCK = 4;
/** Blocks whose rays spread wider than this, in world units, are cut up: they show several charts. */
const MAX_RADIUS = 0.03;

export function bakeGaussians(options: BakeGaussiansOptions): Image {
  const { target, normals, gaussians, textureSize: size, fallback, outside = 1 / 48, inside = 1 / 32 } = options;
  const texels = options.texels ?? mapTexels(target, size);
  const field = new GaussianField(gaussians);
  const data = new Uint8Array(size * size * 3);
  const filled = new Uint8Array(size * size);
  const rays = new Float64Array(BLOCK * BLOCK * 6);
  const axis = new Float64Array(6);
  const box = new Float64Array(6);
  const light = new Float64Array(4);

  const bakeBlock = (x0: number, y0: number, width: number): void => {
    const list: number[] = [];
    for (let y = y0; y < Math.min(y0 + width, size); y++) {
      for (let x = x0; x < Math.min(x0 + width, size); x++) {
        const texel = y * size + x;
        if ((texels.face[texel] as number) < 0) continue;
        setRay(target, normals, texels, texel, outside, rays, list.length * 6);
        list.push(texel);
      }
    }
    if (list.length === 0) return;
    const radius = encloseRays(rays, list.length, outside + inside, box, axis);
    if (width > 1 && radius > MAX_RADIUS) {
      const half = width / 2;
      for (const [dx, dy] of [
        [0, 0],
        [half, 0],
        [0, half],
        [half, half],
      ] as const)
        bakeBlock(x0 + dx, y0 + dy, half);
      return;
    }
    field.gather(box, axis, radius);
    list.forEach((texel, i) => {
      const [ox, oy, oz] = [rays[i * 6] as number, rays[i * 6 + 1] as number, rays[i * 6 + 2] as number];
      const [dx, dy, dz] = [rays[i * 6 + 3] as number, rays[i * 6 + 4] as number, rays[i * 6 + 5] as number];
      field.composite(ox, oy, oz, dx, dy, dz, outside + inside, light);
      const opacity = light[3] as number;
      const own = fallback === undefined ? 1 : Math.min(1, opacity / OPAQUE);
      if (opacity < 0.02 && fallback === undefined) return;
      filled[texel] = 1;
      for (let c = 0; c < 3; c++) {
        const color = opacity > 0 ? (light[c] as number) / opacity : 0;
        const other = fallback === undefined ? 0 : (fallback.data[texel * fallback.channels + c] as number) / 255;
        data[texel * 3 + c] = Math.round(255 * Math.min(1, color * own + other * (1 - own)));
      }
    });
  };

  for (let y = 0; y < size; y += BLOCK) {
    checkpoint(options, y / size);
    for (let x = 0; x < size; x += BLOCK) bakeBlock(x, y, BLOCK);
  }
  dilate(data, 3, size, filled);
  checkpoint(options, 1);
  return { width: size, height: size, channels: 3, data };
}

/** Box and cylinder around rays of the given length; gives the cylinder's radius. Its axis is the rays' mean. */
function encloseRays(rays: Float64Array, count: number, length: number, box: Float64Array, axis: Float64Array): number {
  box.fill(Infinity, 0, 3).fill(-Infinity, 3, 6);
  axis.fill(0);
  for (let i = 0; i < count * 6; i += 6) {
    for (let k = 0; k < 3; k++) {
      const from = rays[i + k] as number;
      const to = from + (rays[i + 3 + k] as number) * length;
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
    for (const t of [0, length]) {
      const px = (rays[i] as number) + (rays[i + 3] as number) * t - (axis[0] as number);
      const py = (rays[i + 1] as number) + (rays[i + 4] as number) * t - (axis[1] as number);
      const pz = (rays[i + 2] as number) + (rays[i + 5] as number) * t - (axis[2] as number);
      const along = px * dx + py * dy + pz * dz;
      radius2 = Math.max(radius2, px * px + py * py + pz * pz - along * along);
    }
  }
  return Math.sqrt(radius2);
}

/** Origin outside the surface and unit direction against the interpolated normal. */
function setRay(
  mesh: UnwrappedMesh,
  normals: Float32Array,
  texels: TexelMap,
  texel: number,
  outside: number,
  rays: Float64Array,
  at: number,
): void {
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
  const normal = [nx / length, ny / length, nz / length];
  for (let k = 0; k < 3; k++) {
    const p =
      (mesh.positions[a + k] as number) * u +
      (mesh.positions[b + k] as number) * v +
      (mesh.positions[c + k] as number) * w;
    rays[at + k] = p + (normal[k] as number) * outside;
    rays[at + 3 + k] = -(normal[k] as number);
  }
}
