/** Shapes that the finish is measured on: known distance, known colours, inner shells as the decoder leaves them. */

import { extractSurface, type Gaussians, type RawMesh, simplify } from '@espalier/geometry';
import { gaussiansOn } from '../../packages/geometry/test/gaussians.ts';
import {
  box,
  type ColorField,
  type DistanceField,
  sphere,
  subtract,
  torus,
  union,
  type Vector,
  voxelize,
} from '../../packages/geometry/test/shapes.ts';

export interface Scene {
  readonly name: string;
  readonly distance: DistanceField;
  readonly color: ColorField;
  /** Standard deviation of noise on the corner distances, in voxels. */
  readonly noise: number;
}

export const SCENES: readonly Scene[] = [
  { name: 'chest', distance: chest(), color: chestColor, noise: 0.1 },
  { name: 'teapot', distance: teapot(), color: glaze, noise: 0.1 },
  { name: 'rock', distance: rock, color: strata, noise: 0.25 },
];

/** Raw mesh with its inner shells, and the outer surface alone. */
export function extractScene(scene: Scene, resolution: number): { raw: RawMesh; outer: RawMesh } {
  const voxels = voxelize(scene.distance, { resolution, color: scene.color, noise: scene.noise, band: 1.6 });
  return { raw: extractSurface({ ...voxels, fillEnclosed: false }), outer: extractSurface(voxels) };
}

/** Gaussians on the outer surface, coloured by the scene's own texture. */
export async function sampleGaussians(outer: RawMesh, scene: Scene, count: number): Promise<Gaussians> {
  // Sampled on a smoothed surface: the Gaussians do not know the mesh's noise.
  const { mesh } = await simplify(outer, { simplify: 0.7 });
  return gaussiansOn(mesh, count, scene.color, 0.0022);
}

function chest(): DistanceField {
  const body = box([0.4, 0.24, 0.14], [0, 0, -0.12]);
  const lid: DistanceField = (x, y, z) => Math.max(Math.hypot(y, z - 0.02) - 0.24, Math.abs(x) - 0.4, 0.03 - z);
  const bands = [-0.28, 0.28].map((at): DistanceField => {
    const rim: DistanceField = (x, y, z) =>
      Math.max(Math.hypot(y, z - 0.02) - 0.26, Math.abs(x - at) - 0.035, 0.03 - z);
    return union(rim, box([0.035, 0.26, 0.15], [at, 0, -0.12]));
  });
  return union(body, lid, ...bands, box([0.05, 0.04, 0.06], [0, -0.26, 0]));
}

function chestColor(x: number, y: number, z: number): Vector {
  const isMetal = Math.abs(Math.abs(x) - 0.28) < 0.036 || (Math.abs(x) < 0.055 && Math.abs(z) < 0.065 && y < -0.23);
  if (isMetal) return [0.72, 0.6 + 0.1 * Math.sin(30 * z), 0.25];
  const grain = 0.06 * Math.sin(60 * z + 3 * Math.sin(9 * x)) + 0.04 * Math.sin(25 * x + 17 * y);
  return [0.46 + grain, 0.28 + grain * 0.8, 0.14 + grain * 0.5];
}

function teapot(): DistanceField {
  const body: DistanceField = (x, y, z) => (Math.hypot(x / 0.3, y / 0.3, (z + 0.04) / 0.24) - 1) * 0.24;
  const ring = torus(0.15, 0.035);
  const handle: DistanceField = (x, y, z) => ring(x + 0.29, z + 0.03, y);
  const spout: DistanceField = (x, y, z) => {
    const t = Math.min(Math.max((x - 0.22) / 0.22, 0), 1);
    return Math.hypot(x - 0.22 - 0.22 * t, y, z + 0.08 - 0.24 * t) - (0.07 - 0.035 * t);
  };
  const hollowBody = subtract(body, sphere(0.17, [0, 0, 0.3]));
  return union(hollowBody, handle, spout, sphere(0.06, [0, 0, 0.23]), box([0.12, 0.12, 0.02], [0, 0, 0.16]));
}

function glaze(x: number, y: number, z: number): Vector {
  const flower = 0.5 + 0.5 * Math.sin(18 * Math.atan2(y, x)) * Math.sin(24 * z);
  return [0.25 + 0.6 * flower, 0.35 + 0.5 * flower, 0.75 + 0.15 * flower];
}

function rock(x: number, y: number, z: number): number {
  const bumps =
    0.03 * Math.sin(11 * x + 2) * Math.sin(13 * y) +
    0.03 * Math.sin(9 * z + 4 * x) +
    0.012 * Math.sin(31 * x) * Math.sin(29 * y + 27 * z);
  return (Math.hypot(x, y, z * 1.25) - 0.34 - bumps) * 0.8;
}

function strata(x: number, y: number, z: number): Vector {
  const layer = 0.5 + 0.5 * Math.sin(38 * z + 5 * x + 3 * Math.sin(7 * y));
  return [0.35 + 0.3 * layer, 0.33 + 0.22 * layer, 0.3 + 0.1 * layer];
}
