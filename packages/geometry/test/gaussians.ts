/** Gaussians laid on a surface with known colours. */

import type { Gaussians, RawMesh } from '../src/index.ts';
import type { ColorField } from './shapes.ts';

const SH_C0 = 0.28209479177387814;

/** `count` flat Gaussians on the faces of `mesh`, area-weighted, deterministic; thickness a fifth of `radius`. */
export function gaussiansOn(mesh: RawMesh, count: number, color: ColorField, radius: number): Gaussians {
  const { positions: p, indices } = mesh;
  const faces = indices.length / 3;
  const sums = new Float64Array(faces);
  const normals = new Float64Array(faces * 3);
  let total = 0;
  for (let face = 0; face < faces; face++) {
    const [a, b, c] = [0, 1, 2].map((k) => (indices[face * 3 + k] as number) * 3) as [number, number, number];
    const u = [0, 1, 2].map((k) => (p[b + k] as number) - (p[a + k] as number)) as [number, number, number];
    const v = [0, 1, 2].map((k) => (p[c + k] as number) - (p[a + k] as number)) as [number, number, number];
    const n = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    const length = Math.hypot(...n);
    total += length;
    sums[face] = total;
    for (let k = 0; k < 3; k++) normals[face * 3 + k] = (n[k] as number) / (length || 1);
  }
  const gaussians = {
    count,
    positions: new Float32Array(count * 3),
    sh0: new Float32Array(count * 3),
    scales: new Float32Array(count * 3),
    rotations: new Float32Array(count * 4),
    opacities: new Float32Array(count).fill(0.9),
  };
  let face = 0;
  for (let g = 0; g < count; g++) {
    const target = ((g + 0.5) / count) * total;
    while ((sums[face] as number) < target && face < faces - 1) face++;
    let [v, w] = [(g * 0.7548776662466927) % 1, (g * 0.5698402909980532) % 1];
    if (v + w > 1) [v, w] = [1 - v, 1 - w];
    const at = [0, 1, 2].map((k) => {
      const corner = (c: number) => p[(indices[face * 3 + c] as number) * 3 + k] as number;
      return corner(0) * (1 - v - w) + corner(1) * v + corner(2) * w;
    }) as [number, number, number];
    gaussians.positions.set(at, g * 3);
    gaussians.sh0.set(
      color(...at).map((value) => (value - 0.5) / SH_C0),
      g * 3,
    );
    gaussians.scales.set([radius, radius, radius / 5], g * 3);
    // The turn that takes +z to the normal.
    const [nx, ny, nz] = normals.subarray(face * 3, face * 3 + 3) as unknown as [number, number, number];
    const q = nz > -0.9999 ? [1 + nz, -ny, nx, 0] : [0, 1, 0, 0];
    const length = Math.hypot(...q);
    gaussians.rotations.set(
      q.map((value) => value / length),
      g * 4,
    );
  }
  return gaussians;
}
