/** Analytic shapes as sparse voxels, the way the mesh decoder would give them. */

import type { SparseVoxels } from '../src/index.ts';

export type Vector = readonly [number, number, number];
export type DistanceField = (x: number, y: number, z: number) => number;
export type ColorField = (x: number, y: number, z: number) => Vector;

const CHANNELS = 101;

export interface VoxelizeOptions {
  readonly resolution: number;
  /** Voxels whose centre is nearer to the surface than this many voxels are active. Default 1.5. */
  readonly band?: number;
  readonly color?: ColorField;
  /** Standard deviation of noise on the corner distances, in voxels. Default 0. */
  readonly noise?: number;
  /** Voxels for which this is true are left out of the band. */
  readonly isHole?: (x: number, y: number, z: number) => boolean;
}

const BLOCK = 8;

/** World coordinates run over [-0.5, 0.5]^3; `distance` is negative inside. */
export function voxelize(distance: DistanceField, options: VoxelizeOptions): SparseVoxels {
  const { resolution, band = 1.5, color, noise = 0, isHole } = options;
  const cells: number[] = [];
  const limit = band / resolution;
  // Blocks that lie further from the surface than they are wide hold none; distances may be up to twice too large.
  const reach = limit + (2 * Math.sqrt(3) * BLOCK) / 2 / resolution;
  const visit = (x: number, y: number, z: number): void => {
    const [wx, wy, wz] = [(x + 0.5) / resolution - 0.5, (y + 0.5) / resolution - 0.5, (z + 0.5) / resolution - 0.5];
    if (Math.abs(distance(wx, wy, wz)) < limit && isHole?.(wx, wy, wz) !== true) cells.push(x, y, z);
  };
  forEachCell(0, 0, 0, Math.ceil(resolution / BLOCK), (bx, by, bz) => {
    const middle = (b: number) => ((b + 0.5) * BLOCK) / resolution - 0.5;
    if (Math.abs(distance(middle(bx), middle(by), middle(bz))) > reach) return;
    const size = (b: number) => Math.min(BLOCK, resolution - b * BLOCK);
    forEachCell(bx * BLOCK, by * BLOCK, bz * BLOCK, size(bx), visit, size(by), size(bz));
  });
  const coords = Int32Array.from(cells);
  const features = new Float32Array((coords.length / 3) * CHANNELS);
  for (let i = 0; i < coords.length / 3; i++) {
    for (let corner = 0; corner < 8; corner++) {
      const grid = [0, 1, 2].map((axis) => (coords[i * 3 + axis] as number) + ((corner >> axis) & 1));
      const [x, y, z] = grid.map((v) => v / resolution - 0.5) as [number, number, number];
      // Distances in units of three voxels, less the bias that the extraction adds.
      const jitter = noise === 0 ? 0 : noise * cellNoise(grid as [number, number, number]);
      features[i * CHANNELS + corner] = (distance(x, y, z) * resolution + jitter) / 3 + 1 / resolution;
      const shade = color?.(x, y, z) ?? [0.5, 0.5, 0.5];
      for (let c = 0; c < 3; c++) features[i * CHANNELS + 53 + corner * 6 + c] = logit(shade[c] as number);
    }
  }
  return { coords, features, resolution };
}

function forEachCell(
  x0: number,
  y0: number,
  z0: number,
  nx: number,
  visit: (x: number, y: number, z: number) => void,
  ny = nx,
  nz = nx,
): void {
  for (let x = x0; x < x0 + nx; x++) {
    for (let y = y0; y < y0 + ny; y++) {
      for (let z = z0; z < z0 + nz; z++) visit(x, y, z);
    }
  }
}

export function sphere(radius: number, center: Vector = [0, 0, 0]): DistanceField {
  return (x, y, z) => Math.hypot(x - center[0], y - center[1], z - center[2]) - radius;
}

export function torus(major: number, minor: number): DistanceField {
  return (x, y, z) => Math.hypot(Math.hypot(x, y) - major, z) - minor;
}

/** Box with half extents `half`; exact outside, exact inside. */
export function box(half: Vector, center: Vector = [0, 0, 0]): DistanceField {
  return (x, y, z) => {
    const q = [Math.abs(x - center[0]) - half[0], Math.abs(y - center[1]) - half[1], Math.abs(z - center[2]) - half[2]];
    const outside = Math.hypot(...q.map((v) => Math.max(v, 0)));
    return outside + Math.min(Math.max(...q), 0);
  };
}

export function union(...parts: readonly DistanceField[]): DistanceField {
  return (x, y, z) => Math.min(...parts.map((part) => part(x, y, z)));
}

export function subtract(from: DistanceField, cut: DistanceField): DistanceField {
  return (x, y, z) => Math.max(from(x, y, z), -cut(x, y, z));
}

/** Deterministic, about normally distributed, one value per grid vertex. */
function cellNoise([x, y, z]: Vector): number {
  let sum = 0;
  for (let k = 1; k <= 4; k++) {
    let h = Math.imul(x + 101 * k, 0x9e3779b1) ^ Math.imul(y + 7 * k, 0x85ebca77) ^ Math.imul(z + k, 0xc2b2ae3d);
    h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
    h = Math.imul(h ^ (h >>> 12), 0x297a2d39);
    sum += ((h ^ (h >>> 15)) >>> 0) / 2 ** 32 - 0.5;
  }
  return sum * Math.sqrt(3);
}

function logit(p: number): number {
  const clamped = Math.min(Math.max(p, 1e-4), 1 - 1e-4);
  return Math.log(clamped / (1 - clamped));
}
