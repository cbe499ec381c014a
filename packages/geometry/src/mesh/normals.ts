/** Smooth vertex normals. */

import type { TriangleMesh } from './mesh.ts';

/**
 * [V, 3] unit normals: face normals weighted by the angle that each face spans at the vertex (Thuermer & Wuethrich
 * 1998), which does not depend on how flat regions are cut into triangles. A vertex without a proper face gets +z.
 */
export function vertexNormals({ positions, indices }: TriangleMesh): Float32Array {
  const sums = new Float64Array(positions.length);
  const corner = [0, 0, 0];
  const at = (vertex: number, axis: number) => positions[vertex * 3 + axis] as number;
  for (let i = 0; i < indices.length; i += 3) {
    for (let k = 0; k < 3; k++) corner[k] = indices[i + k] as number;
    for (let k = 0; k < 3; k++) {
      const a = corner[k] as number;
      const b = corner[(k + 1) % 3] as number;
      const c = corner[(k + 2) % 3] as number;
      const [ux, uy, uz] = [at(b, 0) - at(a, 0), at(b, 1) - at(a, 1), at(b, 2) - at(a, 2)];
      const [vx, vy, vz] = [at(c, 0) - at(a, 0), at(c, 1) - at(a, 1), at(c, 2) - at(a, 2)];
      const [nx, ny, nz] = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
      const area = Math.hypot(nx, ny, nz);
      if (!(area > 0)) continue;
      const weight = Math.atan2(area, ux * vx + uy * vy + uz * vz) / area;
      sums[a * 3] = (sums[a * 3] as number) + nx * weight;
      sums[a * 3 + 1] = (sums[a * 3 + 1] as number) + ny * weight;
      sums[a * 3 + 2] = (sums[a * 3 + 2] as number) + nz * weight;
    }
  }
  const normals = new Float32Array(positions.length);
  for (let v = 0; v < normals.length; v += 3) {
    const length = Math.hypot(sums[v] as number, sums[v + 1] as number, sums[v + 2] as number);
    if (length > 0) for (let k = 0; k < 3; k++) normals[v + k] = (sums[v + k] as number) / length;
    else normals[v + 2] = 1;
  }
  return normals;
}
