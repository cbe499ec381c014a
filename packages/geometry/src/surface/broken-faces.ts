import { filterFaces } from '../mesh/compact.ts';
import type { RawMesh } from '../mesh/mesh.ts';

/** Leaves out faces that name no vertex or one whose position is not finite; attributes that are no numbers become 0.5. */
export function dropBrokenFaces(mesh: RawMesh): RawMesh {
  const vertices = mesh.positions.length / 3;
  const isSound = new Uint8Array(vertices);
  for (let v = 0; v < vertices; v++) {
    const sum =
      (mesh.positions[v * 3] as number) + (mesh.positions[v * 3 + 1] as number) + (mesh.positions[v * 3 + 2] as number);
    isSound[v] = Number.isFinite(sum) ? 1 : 0;
  }
  let isAnyBroken = false;
  for (const value of mesh.attributes) if (!Number.isFinite(value)) isAnyBroken = true;
  const attributes = isAnyBroken
    ? mesh.attributes.map((value) => (Number.isFinite(value) ? value : 0.5))
    : mesh.attributes;
  const isKept = (face: number) =>
    isSound[mesh.indices[face * 3] as number] === 1 &&
    isSound[mesh.indices[face * 3 + 1] as number] === 1 &&
    isSound[mesh.indices[face * 3 + 2] as number] === 1;
  let broken = 0;
  for (let face = 0; face < mesh.indices.length / 3; face++) if (!isKept(face)) broken++;
  return broken === 0 ? { ...mesh, attributes } : { ...mesh, attributes, indices: filterFaces(mesh.indices, isKept) };
}
