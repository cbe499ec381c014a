/**
 * What a bake works from. Each part can be made on its own, on whatever thread, and consists of plain arrays:
 * `shareArrays` makes threads share them.
 */

import { unwrappedNormals } from '../gltf/textured-mesh.ts';
import type { RawMesh, TriangleMesh } from '../mesh/mesh.ts';
import { vertexNormals } from '../mesh/normals.ts';
import { vertexTangents } from '../mesh/tangents.ts';
import type { GaussianParts } from '../spatial/gaussian-parts.ts';
import { type TriangleTree, triangleTree } from '../spatial/triangle-tree.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';
import type { Image } from './image.ts';
import { mapTexels, type TexelMap } from './texel-map.ts';

/** The mesh that is to be textured, as it is exported, and where its texels lie. */
export interface BakeTarget {
  readonly mesh: UnwrappedMesh;
  /** [V, 3] */
  readonly normals: Float32Array;
  /** [V, 4] */
  readonly tangents: Float32Array;
  readonly texels: TexelMap;
}

/** The mesh before simplification, which carries the detail. */
export interface BakeDetail {
  readonly mesh: RawMesh;
  /** [V, 3] */
  readonly normals: Float32Array;
  readonly tree: TriangleTree;
}

export interface BakePlan {
  readonly target: BakeTarget;
  readonly detail: BakeDetail;
  /** Where the base colour comes from; absent: from the vertex colours of the detail. */
  readonly gaussians?: GaussianParts;
}

/** Both textures, while they are filled. */
export interface BakedTexels {
  /** [size * size, 3] sRGB. */
  readonly baseColor: Uint8Array;
  /** [size * size, 3] */
  readonly normalMap: Uint8Array;
  /** [size * size] 1 where a chart is. */
  readonly filled: Uint8Array;
}

/**
 * @param mesh before unwrapping: normals do not break where charts do
 * @throws TerminalError TEXTURE_SIZE_INVALID
 */
export function bakeTarget(mesh: TriangleMesh, unwrapped: UnwrappedMesh, textureSize: number): BakeTarget {
  const normals = unwrappedNormals(mesh, unwrapped);
  const texels = mapTexels(unwrapped, textureSize);
  return { mesh: unwrapped, normals, tangents: vertexTangents(unwrapped, normals), texels };
}

export function bakeDetail(mesh: RawMesh): BakeDetail {
  return { mesh, normals: vertexNormals(mesh), tree: triangleTree(mesh) };
}

/** @param shared in memory that threads share */
export function emptyTexels(size: number, shared = false): BakedTexels {
  const bytes = (length: number) => new Uint8Array(shared ? new SharedArrayBuffer(length) : new ArrayBuffer(length));
  return { baseColor: bytes(size * size * 3), normalMap: bytes(size * size * 3), filled: bytes(size * size) };
}

export function asImage(data: Uint8Array, size: number): Image {
  return { width: size, height: size, channels: 3, data };
}
