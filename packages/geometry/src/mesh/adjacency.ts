/** Which faces share an edge. */

import type { TriangleMesh } from './mesh.ts';

/** [F, 3] the face behind the edge from corner k to corner k + 1; -1 at a boundary or a non-manifold edge. */
export function faceAdjacency({ positions, indices }: TriangleMesh): Int32Array {
  const vertices = positions.length / 3;
  const neighbours = new Int32Array(indices.length).fill(-1);
  // Half edges are chained per lower vertex; chains are as short as a vertex has edges.
  const head = new Int32Array(vertices).fill(-1);
  const next = new Int32Array(indices.length).fill(-1);
  const high = new Uint32Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const a = indices[i] as number;
    const b = indices[i % 3 === 2 ? i - 2 : i + 1] as number;
    const low = Math.min(a, b);
    high[i] = Math.max(a, b);
    next[i] = head[low] as number;
    head[low] = i;
  }
  for (let v = 0; v < vertices; v++) {
    for (let i = head[v] as number; i >= 0; i = next[i] as number) {
      if (neighbours[i] !== -1) continue;
      let partner = -1;
      let count = 1;
      for (let j = head[v] as number; j >= 0; j = next[j] as number) {
        if (j === i || high[j] !== high[i]) continue;
        partner = j;
        count++;
      }
      if (count !== 2) continue;
      neighbours[i] = Math.floor(partner / 3);
      neighbours[partner] = Math.floor(i / 3);
    }
  }
  return neighbours;
}
