/** The faces of a GLB, as they look to a viewer, and the same faces found again in another file of the asset. */
import type { Document } from '@gltf-transform/core';

/** Corners of faces in world space, [x, y, z, u, v] each. */
export interface GlbFaces {
  readonly faces: number;
  readonly corners: Float64Array;
}

/** The one textured mesh of a file. */
export function facesOf(document: Document): GlbFaces {
  const [node] = document.getRoot().listNodes();
  const [primitive] = document.getRoot().listMeshes()[0]?.listPrimitives() ?? [];
  const [indices, positions, uvs] = [
    primitive?.getIndices(),
    primitive?.getAttribute('POSITION'),
    primitive?.getAttribute('TEXCOORD_0'),
  ];
  if (node === undefined || !indices || !positions || !uvs) throw new Error('no textured mesh');
  const matrix = node.getWorldMatrix();
  const corners = new Float64Array(indices.getCount() * 5);
  for (let i = 0; i < indices.getCount(); i++) {
    const [x = 0, y = 0, z = 0] = positions.getElement(indices.getScalar(i), []);
    const [u = 0, v = 0] = uvs.getElement(indices.getScalar(i), []);
    for (let k = 0; k < 3; k++) {
      corners[i * 5 + k] =
        (matrix[k] as number) * x +
        (matrix[4 + k] as number) * y +
        (matrix[8 + k] as number) * z +
        (matrix[12 + k] as number);
    }
    corners.set([u, v], i * 5 + 3);
  }
  return { faces: indices.getCount() / 3, corners };
}

/** How far face `b` of one mesh is from face `a` of another: its farthest corner, whichever corner comes first. */
function faceDistance(one: GlbFaces, a: number, other: GlbFaces, b: number): number {
  let best = Infinity;
  for (let turn = 0; turn < 3; turn++) {
    let worst = 0;
    for (let k = 0; k < 15 && worst < best; k++) {
      const there = (Math.floor(k / 5) + turn) % 3;
      const [p, q] = [one.corners[a * 15 + k] as number, other.corners[b * 15 + there * 5 + (k % 5)] as number];
      worst = Math.max(worst, Math.abs(p - q));
    }
    best = Math.min(best, worst);
  }
  return best;
}

/** Faces of `plain` that `mesh` has too, each once: all corners within `step`, in position and texture. */
export function facesFoundAgain(mesh: GlbFaces, plain: GlbFaces, step: number): number {
  const matched = new Set<number>();
  for (let face = 0; face < mesh.faces; face++) {
    for (let other = 0; other < plain.faces; other++) {
      if (matched.has(other) || faceDistance(mesh, face, plain, other) > step) continue;
      matched.add(other);
      break;
    }
  }
  return matched.size;
}
