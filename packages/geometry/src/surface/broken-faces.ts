import { filterFaces } from '../mesh/compact.ts';
import type { RawMesh } from '../mesh/mesh.ts';

/** Leaves out faces that name no vertex or one whose position is not finite; attributes that are no numbers become 0.5. */
export function dropBrokenFaces({ positions, indices, attributes: given }: RawMesh): RawMesh {
  const attributes = areFinite(given) ? given : given.map((value) => (Number.isFinite(value) ? value : 0.5));
  const vertices = positions.length / 3;
  let highest = -1;
  for (let i = 0; i < indices.length; i++) if ((indices[i] as number) > highest) highest = indices[i] as number;
  if (highest < vertices && areFinite(positions)) return { positions, indices, attributes };
  const isSound = new Uint8Array(vertices);
  for (let v = 0; v < vertices; v++) isSound[v] = areFinite(positions.subarray(v * 3, v * 3 + 3)) ? 1 : 0;
  const isKept = (face: number) =>
    isSound[indices[face * 3] as number] === 1 &&
    isSound[indices[face * 3 + 1] as number] === 1 &&
    isSound[indices[face * 3 + 2] as number] === 1;
  return { positions, attributes, indices: filterFaces(indices, isKept) };
}

/** What is not finite stays so in a sum, and sums of float32 are far from the end of float64. */
function areFinite(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i] as number;
  return Number.isFinite(sum);
}
