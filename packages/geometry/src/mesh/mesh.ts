/** The triangle mesh that geometry functions take and give. */

export interface TriangleMesh {
  /** [V, 3] world units, z up, inside the cube [-0.5, 0.5]^3. */
  readonly positions: Float32Array;
  /** [F, 3] vertex numbers; counter-clockwise seen from outside. */
  readonly indices: Uint32Array;
}

/** What FlexiCubes gives: a mesh with the decoder's attributes on its vertices. */
export interface RawMesh extends TriangleMesh {
  /** [V, 6] in (0, 1): base colour (sRGB) 0-2, normal-map colour 3-5. */
  readonly attributes: Float32Array;
}

/** Values per vertex in `RawMesh.attributes`. */
export const ATTRIBUTE_CHANNELS = 6;

export function vertexCount(mesh: TriangleMesh): number {
  return mesh.positions.length / 3;
}

export function faceCount(mesh: TriangleMesh): number {
  return mesh.indices.length / 3;
}
