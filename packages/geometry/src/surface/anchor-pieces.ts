/** Keeps small pieces from vanishing when a mesh is simplified much. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { type Components, labelComponents } from '../mesh/topology.ts';
import { cross, dot, subtract, type Vector3 } from '../raster/camera.ts';

/** Pieces of more faces than this are left with some by the collapses themselves. */
const SMALL = 256;
/** Of the wanted faces, at most one in this many may go to such pieces. */
const MIN_SHARE = 8;
/** Faces of a tetrahedron: the least that encloses anything. */
const LEAST = 4;

/**
 * Four vertices of each small piece, far from each other, that must stay: collapses would make it a face with two
 * sides, and then nothing. Where there are so many pieces that they would take the faces from all else, none stays
 * for that.
 *
 * @param wanted faces of the simplified mesh.
 * @param pieces those of the mesh, where they are known; numbers that no face has do no harm.
 * @returns [V] 1 for vertices that must stay; undefined when there is none.
 */
export function anchorPieces(
  mesh: TriangleMesh,
  wanted: number,
  { count, ofFace }: Components = labelComponents(mesh),
): Uint8Array | undefined {
  if (count < 2) return undefined;
  const faces = new Int32Array(count);
  for (const piece of ofFace) faces[piece] = (faces[piece] as number) + 1;
  const vertices = new Map<number, Set<number>>();
  faces.forEach((size, piece) => {
    if (size > LEAST && size <= SMALL) vertices.set(piece, new Set());
  });
  if (vertices.size === 0 || vertices.size * LEAST * MIN_SHARE > wanted) return undefined;
  for (let i = 0; i < mesh.indices.length; i++) {
    vertices.get(ofFace[Math.floor(i / 3)] as number)?.add(mesh.indices[i] as number);
  }
  const isAnchor = new Uint8Array(mesh.positions.length / 3);
  for (const piece of vertices.values()) for (const vertex of spread(mesh.positions, [...piece])) isAnchor[vertex] = 1;
  return isAnchor;
}

/** The vertex farthest from the first, from that one, from the line through both, from the plane through three. */
function spread(positions: Float32Array, vertices: readonly number[]): number[] {
  const at = (v: number): Vector3 => [
    positions[v * 3] as number,
    positions[v * 3 + 1] as number,
    positions[v * 3 + 2] as number,
  ];
  const farthest = (measure: (p: Vector3) => number): number => {
    let [best, largest] = [vertices[0] as number, -1];
    for (const vertex of vertices) {
      const value = measure(at(vertex));
      if (value > largest) [best, largest] = [vertex, value];
    }
    return best;
  };
  const a = farthest((p) => Math.hypot(...subtract(p, at(vertices[0] as number))));
  const b = farthest((p) => Math.hypot(...subtract(p, at(a))));
  const axis = subtract(at(b), at(a));
  const c = farthest((p) => Math.hypot(...cross(axis, subtract(p, at(a)))));
  const normal = cross(axis, subtract(at(c), at(a)));
  const d = farthest((p) => Math.abs(dot(normal, subtract(p, at(a)))));
  return [a, b, c, d];
}
