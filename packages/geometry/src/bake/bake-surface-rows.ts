/** Normal map and vertex colours: what the nearest point of the detail has to say of each texel. */

import { ATTRIBUTE_CHANNELS, type RawMesh } from '../mesh/mesh.ts';
import { TriangleBvh } from '../spatial/triangle-bvh.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';
import type { BakeDetail, BakedTexels, BakeTarget } from './bake-plan.ts';
import type { TexelMap } from './texel-map.ts';

/** Cosine between the detail's normal and the surface's, below which the detail is not believed. */
const MIN_OUT = 0.1;

/**
 * Fills rows [from, to) of both textures: the base colour in sRGB as the decoder gave it, and tangent-space normals
 * after glTF (x along the tangent, y along cross(normal, tangent) * sign, z along the normal).
 */
export function bakeSurfaceRows(
  target: BakeTarget,
  detail: BakeDetail,
  out: BakedTexels,
  from: number,
  to: number,
): void {
  const { mesh, normals, tangents, texels } = target;
  const { size } = texels;
  const tree = new TriangleBvh(detail.tree);
  const [point, normal, tangent, fine] = [0, 1, 2, 3].map(() => new Float64Array(3)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let y = from; y < to; y++) {
    // A hint from the row above could break ties in another way when rows are shared out among threads.
    let near = -1;
    for (let texel = y * size; texel < (y + 1) * size; texel++) {
      const face = texels.face[texel] as number;
      if (face < 0) continue;
      texelPoint(mesh, texels, texel, point);
      const hit = tree.closestPoint(point[0] as number, point[1] as number, point[2] as number, near);
      if (hit.face < 0) continue;
      near = hit.face;
      out.filled[texel] = 1;
      for (let c = 0; c < 3; c++) {
        out.baseColor[texel * 3 + c] = Math.round(255 * mixColor(detail.mesh, hit.face, hit.v, hit.w, c));
      }
      const [v, w] = [texels.v[texel] as number, texels.w[texel] as number];
      unitMix(normals, 3, mesh.indices, face, v, w, normal);
      unitMix(tangents, 4, mesh.indices, face, v, w, tangent);
      unitMix(detail.normals, 3, detail.mesh.indices, hit.face, hit.v, hit.w, fine);
      const sign = tangents[(mesh.indices[face * 3] as number) * 4 + 3] as number;
      writeNormal(normal, tangent, sign, fine, out.normalMap, texel * 3);
    }
  }
}

/** World position of a texel's centre. */
export function texelPoint(mesh: UnwrappedMesh, texels: TexelMap, texel: number, out: Float64Array): void {
  const i = (texels.face[texel] as number) * 3;
  const [v, w] = [texels.v[texel] as number, texels.w[texel] as number];
  const a = (mesh.indices[i] as number) * 3;
  const b = (mesh.indices[i + 1] as number) * 3;
  const c = (mesh.indices[i + 2] as number) * 3;
  for (let k = 0; k < 3; k++) {
    out[k] =
      (mesh.positions[a + k] as number) * (1 - v - w) +
      (mesh.positions[b + k] as number) * v +
      (mesh.positions[c + k] as number) * w;
  }
}

/** One channel of the interpolated colour, in [0, 1]. */
function mixColor({ indices, attributes }: RawMesh, face: number, v: number, w: number, channel: number): number {
  const a = attributes[(indices[face * 3] as number) * ATTRIBUTE_CHANNELS + channel] as number;
  const b = attributes[(indices[face * 3 + 1] as number) * ATTRIBUTE_CHANNELS + channel] as number;
  const c = attributes[(indices[face * 3 + 2] as number) * ATTRIBUTE_CHANNELS + channel] as number;
  return Math.min(Math.max(a * (1 - v - w) + b * v + c * w, 0), 1);
}

/** The detail's normal in the frame of the surface, as 8-bit values. */
function writeNormal(
  normal: Float64Array,
  tangent: Float64Array,
  sign: number,
  fine: Float64Array,
  out: Uint8Array,
  at: number,
): void {
  const [nx, ny, nz] = [normal[0] as number, normal[1] as number, normal[2] as number];
  const [tx, ty, tz] = [tangent[0] as number, tangent[1] as number, tangent[2] as number];
  const [dx, dy, dz] = [fine[0] as number, fine[1] as number, fine[2] as number];
  let x = tx * dx + ty * dy + tz * dz;
  let y = sign * ((ny * tz - nz * ty) * dx + (nz * tx - nx * tz) * dy + (nx * ty - ny * tx) * dz);
  let z = nx * dx + ny * dy + nz * dz;
  // The nearest point may belong to a sheet that faces away; such detail would turn the light inside out.
  if (!(z > MIN_OUT)) {
    x = 0;
    y = 0;
    z = 1;
  }
  const length = Math.sqrt(x * x + y * y + z * z);
  out[at] = Math.round(127.5 + (127.5 * x) / length);
  out[at + 1] = Math.round(127.5 + (127.5 * y) / length);
  out[at + 2] = Math.round(127.5 + (127.5 * z) / length);
}

/** Interpolates the first three of `stride` values per vertex and scales them to length one. */
export function unitMix(
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
