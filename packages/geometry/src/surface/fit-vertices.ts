/** One step of least squares that brings the faces of a mesh nearer to points of another surface. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { crossProduct } from '../mesh/topology.ts';
import type { NearestPoints } from './nearest-points.ts';

/** Against the mean of a vertex' weights: keeps it in place along directions that nothing pulls it in. */
const STIFFNESS = 0.05;
/** Part of each step that is taken: the corners of a face move towards the same points at once. */
const DAMPING = 0.8;
/** A face may turn by no more than this, as a cosine; its corners stay where they were otherwise. */
const MIN_TURN = 0.9;
/** Points further away than this many mean distances belong to parts that the mesh lacks; they pull nothing. */
const OUTLIER = 30;

/**
 * Distances from points to the planes of their nearest faces (Chen & Medioni 1992, point to plane), squared and
 * summed: a damped Jacobi step towards the least.
 *
 * @param isFixed [V] 1 for vertices that stay.
 * @returns [V, 3] positions
 */
export function fitVertices(mesh: TriangleMesh, nearest: NearestPoints, isFixed: Uint8Array): Float32Array {
  const { positions, indices } = mesh;
  const normals = faceNormals(mesh);
  // Per vertex: the symmetric matrix of the normal equations (xx, xy, xz, yy, yz, zz), and the right side.
  const sums = new Float64Array((positions.length / 3) * 9);
  const { points, stride, face: faces, v: vs, w: ws, distance } = nearest;
  let total = 0;
  for (const value of distance) total += value;
  const limit = (OUTLIER * total) / distance.length;
  for (let i = 0; i < faces.length; i++) {
    const face = (faces[i] as number) * 3;
    if (face < 0 || (distance[i] as number) > limit) continue;
    const p = i * stride * 3;
    const [nx, ny, nz] = [normals[face] as number, normals[face + 1] as number, normals[face + 2] as number];
    const a = (indices[face] as number) * 3;
    const residual =
      nx * ((points[p] as number) - (positions[a] as number)) +
      ny * ((points[p + 1] as number) - (positions[a + 1] as number)) +
      nz * ((points[p + 2] as number) - (positions[a + 2] as number));
    const [v, w] = [vs[i] as number, ws[i] as number];
    for (let k = 0; k < 3; k++) {
      const weight = k === 0 ? 1 - v - w : k === 1 ? v : w;
      const at = (indices[face + k] as number) * 9;
      const [square, pull] = [weight * weight, weight * residual];
      sums[at] = (sums[at] as number) + square * nx * nx;
      sums[at + 1] = (sums[at + 1] as number) + square * nx * ny;
      sums[at + 2] = (sums[at + 2] as number) + square * nx * nz;
      sums[at + 3] = (sums[at + 3] as number) + square * ny * ny;
      sums[at + 4] = (sums[at + 4] as number) + square * ny * nz;
      sums[at + 5] = (sums[at + 5] as number) + square * nz * nz;
      sums[at + 6] = (sums[at + 6] as number) + pull * nx;
      sums[at + 7] = (sums[at + 7] as number) + pull * ny;
      sums[at + 8] = (sums[at + 8] as number) + pull * nz;
    }
  }
  const moved = positions.slice();
  for (let vertex = 0; vertex < isFixed.length; vertex++) {
    if (isFixed[vertex] === 0) solve(sums, vertex * 9, moved, vertex * 3);
  }
  return withoutTurns(mesh, normals, moved);
}

/** Adds the damped solution of one vertex' equations to its position. */
function solve(sums: Float64Array, at: number, positions: Float32Array, to: number): void {
  const trace = (sums[at] as number) + (sums[at + 3] as number) + (sums[at + 5] as number);
  if (!(trace > 0)) return;
  const stiff = STIFFNESS * trace;
  const [a, b, c] = [(sums[at] as number) + stiff, sums[at + 1] as number, sums[at + 2] as number];
  const [d, e, f] = [(sums[at + 3] as number) + stiff, sums[at + 4] as number, (sums[at + 5] as number) + stiff];
  const [x, y, z] = [sums[at + 6] as number, sums[at + 7] as number, sums[at + 8] as number];
  const [m0, m1, m2] = [d * f - e * e, c * e - b * f, b * e - c * d];
  const determinant = a * m0 + b * m1 + c * m2;
  const scale = DAMPING / determinant;
  positions[to] = (positions[to] as number) + scale * (m0 * x + m1 * y + m2 * z);
  positions[to + 1] = (positions[to + 1] as number) + scale * (m1 * x + (a * f - c * c) * y + (b * c - a * e) * z);
  positions[to + 2] = (positions[to + 2] as number) + scale * (m2 * x + (b * c - a * e) * y + (a * d - b * b) * z);
}

/** The moved positions, but for the corners of faces that the move would turn or squash. */
function withoutTurns({ positions, indices }: TriangleMesh, normals: Float64Array, moved: Float32Array): Float32Array {
  // Putting a corner back changes its other faces: a few passes settle it.
  for (let pass = 0; pass < 4; pass++) {
    let turned = 0;
    for (let i = 0; i < indices.length; i += 3) {
      const [nx, ny, nz] = crossProduct(moved, indices, i);
      const along = nx * (normals[i] as number) + ny * (normals[i + 1] as number) + nz * (normals[i + 2] as number);
      if (along >= MIN_TURN * Math.sqrt(nx * nx + ny * ny + nz * nz)) continue;
      for (let k = i; k < i + 3; k++) {
        const at = (indices[k] as number) * 3;
        for (let c = at; c < at + 3; c++) moved[c] = positions[c] as number;
      }
      turned++;
    }
    if (turned === 0) return moved;
  }
  return moved;
}

/** [F, 3] unit normals; zero for faces without area. */
function faceNormals({ positions, indices }: TriangleMesh): Float64Array {
  const normals = new Float64Array(indices.length);
  for (let i = 0; i < indices.length; i += 3) {
    const [x, y, z] = crossProduct(positions, indices, i);
    const length = Math.sqrt(x * x + y * y + z * z);
    if (!(length > 0)) continue;
    normals[i] = x / length;
    normals[i + 1] = y / length;
    normals[i + 2] = z / length;
  }
  return normals;
}
