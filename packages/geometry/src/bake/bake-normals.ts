/** Tangent-space normal map: the shape that simplification took away, as seen by the light. */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { vertexNormals } from '../mesh/normals.ts';
import { TriangleBvh } from '../spatial/triangle-bvh.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';
import { texelPoint } from './bake-attributes.ts';
import { dilate } from './dilate.ts';
import type { Image } from './image.ts';
import { mapTexels, type TexelMap } from './texel-map.ts';

export interface BakeNormalsOptions extends Interruptible {
  readonly target: UnwrappedMesh;
  /** [V, 3] normals of the target as exported. */
  readonly normals: Float32Array;
  /** [V, 4] tangents of the target as exported. */
  readonly tangents: Float32Array;
  /** The mesh with the detail. */
  readonly source: TriangleMesh;
  readonly textureSize: number;
  readonly texels?: TexelMap;
  readonly tree?: TriangleBvh;
}

/** RGB image after glTF: x along the tangent, y along cross(normal, tangent) * sign, z along the normal. */
export function bakeNormals(options: BakeNormalsOptions): Image {
  const { target, normals, tangents, source, textureSize: size } = options;
  const texels = options.texels ?? mapTexels(target, size);
  const tree = options.tree ?? new TriangleBvh(source);
  const smooth = vertexNormals(source);
  const data = new Uint8Array(size * size * 3);
  const filled = new Uint8Array(size * size);
  const [point, normal, tangent, detail] = [
    new Float64Array(3),
    new Float64Array(3),
    new Float64Array(3),
    new Float64Array(3),
  ];
  for (let y = 0; y < size; y++) {
    if (y % 16 === 0) checkpoint(options, y / size);
    let near = -1;
    for (let texel = y * size; texel < (y + 1) * size; texel++) {
      const face = texels.face[texel] as number;
      if (face < 0) continue;
      texelPoint(target, texels, texel, point);
      const hit = tree.closestPoint(point[0] as number, point[1] as number, point[2] as number, near);
      if (hit.face < 0) continue;
      near = hit.face;
      filled[texel] = 1;
      const [v, w] = [texels.v[texel] as number, texels.w[texel] as number];
      unitMix(normals, 3, target.indices, face, v, w, normal);
      unitMix(tangents, 4, target.indices, face, v, w, tangent);
      unitMix(smooth, 3, source.indices, hit.face, hit.v, hit.w, detail);
      const sign = tangents[(target.indices[face * 3] as number) * 4 + 3] as number;
      const [nx, ny, nz] = [normal[0] as number, normal[1] as number, normal[2] as number];
      const [tx, ty, tz] = [tangent[0] as number, tangent[1] as number, tangent[2] as number];
      const [dx, dy, dz] = [detail[0] as number, detail[1] as number, detail[2] as number];
      const along = tx * dx + ty * dy + tz * dz;
      const up = sign * ((ny * tz - nz * ty) * dx + (nz * tx - nx * tz) * dy + (nx * ty - ny * tx) * dz);
      // The nearest point may belong to a sheet that faces away; such detail would turn the light inside out.
      const out = nx * dx + ny * dy + nz * dz;
      const [x, yy, z] = out > MIN_OUT ? [along, up, out] : [0, 0, 1];
      const length = Math.sqrt(x * x + yy * yy + z * z) || 1;
      data[texel * 3] = Math.round(127.5 + (127.5 * x) / length);
      data[texel * 3 + 1] = Math.round(127.5 + (127.5 * yy) / length);
      data[texel * 3 + 2] = Math.round(127.5 + (127.5 * z) / length);
    }
  }
  dilate(data, 3, size, filled);
  checkpoint(options, 1);
  return { width: size, height: size, channels: 3, data };
}

/** Cosine between the detail's normal and the surface's, below which the detail is not believed. */
const MIN_OUT = 0.1;

/** Interpolates the first three of `stride` values per vertex and scales them to length one. */
function unitMix(
  values: Float32Array,
  stride: number,
  indices: Uint32Array,
  face: number,
  v: number,
  w: number,
  out: Float64Array,
): void {
  const a = (indices[face * 3] as number) * stride;
  const b = (indices[face * 3 + 1] as number) * stride;
  const c = (indices[face * 3 + 2] as number) * stride;
  const u = 1 - v - w;
  const x = (values[a] as number) * u + (values[b] as number) * v + (values[c] as number) * w;
  const y = (values[a + 1] as number) * u + (values[b + 1] as number) * v + (values[c + 1] as number) * w;
  const z = (values[a + 2] as number) * u + (values[b + 2] as number) * v + (values[c + 2] as number) * w;
  const length = Math.sqrt(x * x + y * y + z * z) || 1;
  out[0] = x / length;
  out[1] = y / length;
  out[2] = z / length;
}
