/** Small repairs that keep the surface as it is: welding cracks, dropping faces that are no faces. */

import { boundaryHalfEdges, nextCorner } from './half-edges.ts';
import { ATTRIBUTE_CHANNELS, type RawMesh } from './mesh.ts';

/** The same faces with vertices that no face uses left out, in the old order. */
export function dropUnusedVertices(mesh: RawMesh, indices: Uint32Array = mesh.indices): RawMesh {
  const number = new Int32Array(mesh.positions.length / 3).fill(-1);
  for (const vertex of indices) number[vertex] = 0;
  let kept = 0;
  for (let v = 0; v < number.length; v++) if (number[v] === 0) number[v] = kept++;
  if (kept === number.length) return indices === mesh.indices ? mesh : { ...mesh, indices };
  const positions = new Float32Array(kept * 3);
  const attributes = new Float32Array(kept * ATTRIBUTE_CHANNELS);
  for (let v = 0; v < number.length; v++) {
    const to = number[v] as number;
    if (to < 0) continue;
    for (let k = 0; k < 3; k++) positions[to * 3 + k] = mesh.positions[v * 3 + k] as number;
    for (let k = 0; k < ATTRIBUTE_CHANNELS; k++) {
      attributes[to * ATTRIBUTE_CHANNELS + k] = mesh.attributes[v * ATTRIBUTE_CHANNELS + k] as number;
    }
  }
  const renumbered = new Uint32Array(indices.length);
  for (let i = 0; i < indices.length; i++) renumbered[i] = number[indices[i] as number] as number;
  return { positions, attributes, indices: renumbered };
}

/** Keeps the faces for which `isKept` is true. */
export function filterFaces(indices: Uint32Array, isKept: (face: number) => boolean): Uint32Array {
  const result = new Uint32Array(indices.length);
  let length = 0;
  for (let face = 0; face < indices.length / 3; face++) {
    if (!isKept(face)) continue;
    for (let k = 0; k < 3; k++) result[length++] = indices[face * 3 + k] as number;
  }
  return result.slice(0, length);
}

/**
 * Drops faces with a repeated corner, and pairs of faces back to back over the same three vertices, which enclose
 * nothing. Of faces that lie over each other the same way round only the first stays, unless `keepDoubles`: in a
 * closed mesh they belong to different sheets.
 */
export function dropDegenerateFaces(mesh: RawMesh, keepDoubles = false): RawMesh {
  const { indices } = mesh;
  const isDropped = new Uint8Array(indices.length / 3);
  // Faces met so far, chained by their lowest vertex.
  const head = new Int32Array(mesh.positions.length / 3).fill(-1);
  const chain = new Int32Array(isDropped.length).fill(-1);
  let dropped = 0;
  for (let face = 0; face < isDropped.length; face++) {
    const a = indices[face * 3] as number;
    const b = indices[face * 3 + 1] as number;
    const c = indices[face * 3 + 2] as number;
    if (a === b || b === c || c === a) {
      isDropped[face] = 1;
      dropped++;
      continue;
    }
    const low = Math.min(a, b, c);
    const high = Math.max(a, b, c);
    const sum = a + b + c;
    const way = turn(a, b, c);
    for (let other = head[low] as number; other >= 0; other = chain[other] as number) {
      const x = indices[other * 3] as number;
      const y = indices[other * 3 + 1] as number;
      const z = indices[other * 3 + 2] as number;
      if (isDropped[other] === 1 || x + y + z !== sum || Math.max(x, y, z) !== high) continue;
      const isSameWay = turn(x, y, z) === way;
      if (isSameWay && keepDoubles) continue;
      isDropped[face] = 1;
      dropped++;
      if (!isSameWay) {
        isDropped[other] = 1;
        dropped++;
      }
      break;
    }
    if (isDropped[face] === 1) continue;
    chain[face] = head[low] as number;
    head[low] = face;
  }
  return dropped === 0 ? mesh : { ...mesh, indices: filterFaces(indices, (face) => isDropped[face] === 0) };
}

/**
 * Joins vertices at exactly the same place, on boundary edges only: that closes cracks, while inside a surface two
 * vertices in one place are two sheets that touch, and joining them would make the mesh non-manifold.
 */
export function weldBoundaries(mesh: RawMesh): RawMesh {
  const { positions, indices } = mesh;
  const rims = boundaryHalfEdges(mesh);
  if (rims.length === 0) return mesh;
  const isBoundary = new Uint8Array(positions.length / 3);
  for (const i of rims) {
    isBoundary[indices[i] as number] = 1;
    isBoundary[indices[nextCorner(i)] as number] = 1;
  }
  const first = new Map<string, number>();
  const target = Uint32Array.from({ length: isBoundary.length }, (_, v) => v);
  let joined = 0;
  for (let v = 0; v < target.length; v++) {
    if (isBoundary[v] === 0) continue;
    const key = positions.subarray(v * 3, v * 3 + 3).join();
    const other = first.get(key);
    if (other === undefined) first.set(key, v);
    else {
      target[v] = other;
      joined++;
    }
  }
  if (joined === 0) return mesh;
  return dropUnusedVertices(
    mesh,
    indices.map((vertex) => target[vertex] as number),
  );
}

/** +1 when the corners ascend in cyclic order, -1 when they descend. */
function turn(a: number, b: number, c: number): number {
  return (a < b && b < c) || (b < c && c < a) || (c < a && a < b) ? 1 : -1;
}
