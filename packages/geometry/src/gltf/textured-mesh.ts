/** From an unwrapped mesh and its images to what a file holds. */

import type { Image } from '../bake/image.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { vertexNormals } from '../mesh/normals.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';

export interface TexturedMesh extends UnwrappedMesh {
  /** [V, 3] unit normals. */
  readonly normals: Float32Array;
  /** [V, 4] unit tangents, fourth value the sign of the bitangent; needed with a normal map. */
  readonly tangents?: Float32Array;
  /** sRGB base colour. */
  readonly baseColor: Image;
  /** Tangent-space normals, y up. */
  readonly normalMap?: Image;
}

/** [V, 3] smooth normals of `mesh` on the split vertices of its unwrapped form: no seam shows in the shading. */
export function unwrappedNormals(mesh: TriangleMesh, unwrapped: UnwrappedMesh): Float32Array {
  const smooth = vertexNormals(mesh);
  const normals = new Float32Array(unwrapped.positions.length);
  unwrapped.source.forEach((vertex, copy) => {
    normals.set(smooth.subarray(vertex * 3, vertex * 3 + 3), copy * 3);
  });
  return normals;
}
