/** Removes pieces too small to be part of anything. */

import { filterFaces } from '../mesh/compact.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { type Components, labelComponents } from '../mesh/topology.ts';

/** Pieces no larger than this in any direction, as a share of the whole mesh's largest extent, are specks. */
export const SPECK_SHARE = 0.02;

export interface WithoutSpecks {
  readonly indices: Uint32Array;
  readonly removed: number;
  /** Pieces that stay, under the numbers that they had among all. */
  readonly pieces: Components;
}

/** A long thin piece is no speck. At least the largest piece stays. */
export function removeSpecks(mesh: TriangleMesh, share = SPECK_SHARE): WithoutSpecks {
  const pieces = labelComponents(mesh);
  const { count, ofFace } = pieces;
  if (count <= 1) return { indices: mesh.indices, removed: 0, pieces };
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
  const extents = Array.from({ length: count }, (_, component) => largestExtent(low, high, component, component + 1));
  const limit = largestExtent(low, high, 0, count) * share;
  const largest = extents.reduce((best, extent, component) => (extent > (extents[best] ?? 0) ? component : best), 0);
  const isSpeck = Uint8Array.from(extents, (extent, component) => Number(extent <= limit && component !== largest));
  if (!isSpeck.includes(1)) return { indices: mesh.indices, removed: 0, pieces };
  const isKept = (face: number) => isSpeck[ofFace[face] as number] === 0;
  const indices = filterFaces(mesh.indices, isKept);
  const removed = (mesh.indices.length - indices.length) / 3;
  return { indices, removed, pieces: { count, ofFace: ofFace.filter((_, face) => isKept(face)) } };
}

/** Of the box around some components together. */
function largestExtent(low: Float32Array, high: Float32Array, first: number, end: number): number {
  const sides = [0, 1, 2].map((axis) => {
    let [from, to] = [Infinity, -Infinity];
    for (let component = first; component < end; component++) {
      from = Math.min(from, low[component * 3 + axis] as number);
      to = Math.max(to, high[component * 3 + axis] as number);
    }
    return to - from;
  });
  return Math.max(...sides);
}
