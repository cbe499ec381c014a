/** The arrays of a search tree over triangles: plain, so that threads can share them. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { Bvh } from './bvh.ts';

export interface TriangleTree {
  readonly nodes: Bvh;
  /** [F, 9] corners in leaf order, so that a leaf is one stretch of memory. */
  readonly corners: Float32Array;
  /** [F] place of each face in that order. */
  readonly leafOf: Int32Array;
}

export function triangleTree({ positions, indices }: TriangleMesh): TriangleTree {
  const faces = indices.length / 3;
  const bounds = new Float32Array(faces * 6);
  for (let face = 0; face < faces; face++) {
    const a = (indices[face * 3] as number) * 3;
    const b = (indices[face * 3 + 1] as number) * 3;
    const c = (indices[face * 3 + 2] as number) * 3;
    for (let k = 0; k < 3; k++) {
      const [pa, pb, pc] = [positions[a + k] as number, positions[b + k] as number, positions[c + k] as number];
      bounds[face * 6 + k] = Math.min(pa, pb, pc);
      bounds[face * 6 + k + 3] = Math.max(pa, pb, pc);
    }
  }
  const nodes = new Bvh(bounds);
  const corners = new Float32Array(faces * 9);
  const leafOf = new Int32Array(faces);
  for (let slot = 0; slot < faces; slot++) {
    const face = nodes.items[slot] as number;
    leafOf[face] = slot;
    for (let k = 0; k < 3; k++) {
      const vertex = (indices[face * 3 + k] as number) * 3;
      for (let c = 0; c < 3; c++) corners[slot * 9 + k * 3 + c] = positions[vertex + c] as number;
    }
  }
  return { nodes, corners, leafOf };
}
