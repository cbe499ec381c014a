/** Base colour from the vertex colours of the mesh before simplification. */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import { ATTRIBUTE_CHANNELS, type RawMesh } from '../mesh/mesh.ts';
import { TriangleBvh } from '../spatial/triangle-bvh.ts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';
import { dilate } from './dilate.ts';
import type { Image } from './image.ts';
import { mapTexels, type TexelMap } from './texel-map.ts';

export interface BakeAttributesOptions extends Interruptible {
  readonly target: UnwrappedMesh;
  /** The mesh that carries the colours; simplification lost detail, so it is the one before. */
  readonly source: RawMesh;
  /** Pixels along one edge of the texture. */
  readonly textureSize: number;
  /** What `mapTexels(target, textureSize)` gave, when it is there already. */
  readonly texels?: TexelMap;
  /** A tree over `source`, when it is there already. */
  readonly tree?: TriangleBvh;
}

/** RGB image, sRGB values as the decoder gave them; each texel looks up the nearest point of the source. */
export function bakeAttributes(options: BakeAttributesOptions): Image {
  const { target, source, textureSize: size } = options;
  const texels = options.texels ?? mapTexels(target, size);
  const tree = options.tree ?? new TriangleBvh(source);
  const data = new Uint8Array(size * size * 3);
  const filled = new Uint8Array(size * size);
  const point = new Float64Array(3);
  for (let y = 0; y < size; y++) {
    if (y % 16 === 0) checkpoint(options, y / size);
    // A hint from the row above could break ties in another way when rows are shared out among threads.
    let near = -1;
    for (let texel = y * size; texel < (y + 1) * size; texel++) {
      if ((texels.face[texel] as number) < 0) continue;
      texelPoint(target, texels, texel, point);
      const hit = tree.closestPoint(point[0] as number, point[1] as number, point[2] as number, near);
      if (hit.face < 0) continue;
      near = hit.face;
      filled[texel] = 1;
      for (let c = 0; c < 3; c++) {
        data[texel * 3 + c] = Math.round(255 * interpolate(source, hit.face, hit.v, hit.w, c));
      }
    }
  }
  dilate(data, 3, size, filled);
  checkpoint(options, 1);
  return { width: size, height: size, channels: 3, data };
}

/** World position of a texel's centre. */
export function texelPoint(mesh: UnwrappedMesh, texels: TexelMap, texel: number, out: Float64Array): void {
  const i = (texels.face[texel] as number) * 3;
  const [v, w] = [texels.v[texel] as number, texels.w[texel] as number];
  const [a, b, c] = [mesh.indices[i] as number, mesh.indices[i + 1] as number, mesh.indices[i + 2] as number];
  for (let k = 0; k < 3; k++) {
    const [pa, pb, pc] = [mesh.positions[a * 3 + k], mesh.positions[b * 3 + k], mesh.positions[c * 3 + k]];
    out[k] = (pa as number) * (1 - v - w) + (pb as number) * v + (pc as number) * w;
  }
}

/** Interpolated attribute, in [0, 1]. No inner function here: it is called for every texel. */
function interpolate({ indices, attributes }: RawMesh, face: number, v: number, w: number, channel: number): number {
  const a = attributes[(indices[face * 3] as number) * ATTRIBUTE_CHANNELS + channel] as number;
  const b = attributes[(indices[face * 3 + 1] as number) * ATTRIBUTE_CHANNELS + channel] as number;
  const c = attributes[(indices[face * 3 + 2] as number) * ATTRIBUTE_CHANNELS + channel] as number;
  return Math.min(Math.max(a * (1 - v - w) + b * v + c * w, 0), 1);
}
