/** Removes pieces too small to be part of anything. */

import { filterFaces } from '../mesh/compact.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { boundsOf, labelComponents } from '../mesh/topology.ts';

/** Pieces no larger than this in any direction, as a share of the whole mesh's largest extent, are specks. */
export const SPECK_SHARE = 0.02;

/** A long thin piece is no speck. At least the largest piece stays. */
export function removeSpecks(mesh: TriangleMesh, share = SPECK_SHARE): { indices: Uint32Array; removed: number } {
  const { count, ofFace } = labelComponents(mesh);
  if (count <= 1) return { indices: mesh.indices, removed: 0 };
  const low = new Float32Array(count * 3).fill(Infinity);
  const high = new Float32Array(count * 3).fill(-Infinity);
  for (let face = 0; face < ofFace.length; face++) {
    const component = (ofFace[face] as number) * 3;
    for (let i = face * 3; i < face * 3 + 3; i++) {
      const vertex = (mesh.indices[i] as number) * 3;
      for (let k = 0; k < 3; k++) {
        const value = mesh.positions[vertex + k] as number;
        if (value < (low[component + k] as number)) low[component + k] = value;
        if (value > (high[component + k] as number)) high[component + k] = value;
      }
    }
  }
  const extents = Array.from({ length: count }, (_, component) =>
    Math.max(...[0, 1, 2].map((k) => (high[component * 3 + k] as number) - (low[component * 3 + k] as number))),
  );
  const { min, max } = boundsOf(mesh.positions);
  const limit = Math.max(...min.map((value, k) => (max[k] as number) - value)) * share;
  const largest = extents.indexOf(Math.max(...extents));
  const isSpeck = extents.map((extent, component) => extent <= limit && component !== largest);
  const indices = filterFaces(mesh.indices, (face) => isSpeck[ofFace[face] as number] !== true);
  return { indices, removed: (mesh.indices.length - indices.length) / 3 };
}
