import type { TriangleMesh } from '../mesh/mesh.ts';

/** A mesh with texture coordinates; vertices are split where charts meet. */
export interface UnwrappedMesh extends TriangleMesh {
  /** [V, 2] in [0, 1], origin at the top left of the image, v down, as in glTF. */
  readonly uvs: Float32Array;
  /** [V] the vertex of the mesh before unwrapping that each one was made from. */
  readonly source: Uint32Array;
}

export interface UnwrapReport {
  /** `xatlas` charts, or `box` when the mesh was over a budget or xatlas failed. */
  readonly method: 'xatlas' | 'box';
  /** Why the box method was taken. */
  readonly fallback?: 'faces' | 'time' | 'failed';
  readonly charts: number;
}
