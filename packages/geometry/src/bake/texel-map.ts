/** Which face, and which point of it, each texel of a texture shows. */

import { TerminalError } from '@espalier/contracts';
import type { UnwrappedMesh } from '../unwrap/unwrapped-mesh.ts';

export interface TexelMap {
  readonly size: number;
  /** [size * size] face of each texel, -1 where no chart is near. */
  readonly face: Int32Array;
  /** [size * size] barycentric weights of the face's second and third corner at the texel's centre. */
  readonly v: Float32Array;
  readonly w: Float32Array;
}

/** Texels whose centre lies outside a chart by up to this many texels show the chart's rim. */
const RIM = 0.75;

/**
 * Texels whose centre a face covers; then texels along the rim of a chart, with the nearest point of the face.
 *
 * @throws TerminalError `TEXTURE_SIZE_INVALID` for a size that is no integer from 1 to 8192.
 */
export function mapTexels(mesh: UnwrappedMesh, size: number): TexelMap {
  if (!Number.isInteger(size) || size < 1 || size > 8192) {
    throw new TerminalError(`texture size is ${size}`, {
      code: 'TEXTURE_SIZE_INVALID',
      field: 'texture_size',
      remedy: 'Give an integer from 1 to 8192.',
    });
  }
  const map: TexelMap = {
    size,
    face: new Int32Array(size * size).fill(-1),
    v: new Float32Array(size * size),
    w: new Float32Array(size * size),
  };
  coverFaces(mesh, map, 0);
  coverFaces(mesh, map, RIM);
  return map;
}

function coverFaces(mesh: UnwrappedMesh, map: TexelMap, reach: number): void {
  const { uvs, indices } = mesh;
  const { size, face, v, w } = map;
  for (let i = 0; i < indices.length; i += 3) {
    const u0 = (uvs[(indices[i] as number) * 2] as number) * size;
    const v0 = (uvs[(indices[i] as number) * 2 + 1] as number) * size;
    const u1 = (uvs[(indices[i + 1] as number) * 2] as number) * size;
    const v1 = (uvs[(indices[i + 1] as number) * 2 + 1] as number) * size;
    const u2 = (uvs[(indices[i + 2] as number) * 2] as number) * size;
    const v2 = (uvs[(indices[i + 2] as number) * 2 + 1] as number) * size;
    const area = (u1 - u0) * (v2 - v0) - (v1 - v0) * (u2 - u0);
    if (reach === 0 && area === 0) continue;
    const x0 = Math.max(0, Math.floor(Math.min(u0, u1, u2) - reach));
    const x1 = Math.min(size, Math.ceil(Math.max(u0, u1, u2) + reach));
    const y0 = Math.max(0, Math.floor(Math.min(v0, v1, v2) - reach));
    const y1 = Math.min(size, Math.ceil(Math.max(v0, v1, v2) + reach));
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const texel = y * size + x;
        if (face[texel] !== -1) continue;
        const [px, py] = [x + 0.5, y + 0.5];
        let b1 = ((px - u0) * (v2 - v0) - (py - v0) * (u2 - u0)) / area;
        let b2 = ((u1 - u0) * (py - v0) - (v1 - v0) * (px - u0)) / area;
        if (!(b1 >= 0 && b2 >= 0 && b1 + b2 <= 1)) {
          if (reach === 0) continue;
          [b1, b2] = nearestWeights(px, py, u0, v0, u1, v1, u2, v2);
          const dx = u0 + b1 * (u1 - u0) + b2 * (u2 - u0) - px;
          const dy = v0 + b1 * (v1 - v0) + b2 * (v2 - v0) - py;
          if (dx * dx + dy * dy > reach * reach) continue;
        }
        face[texel] = i / 3;
        v[texel] = b1;
        w[texel] = b2;
      }
    }
  }
}

/** Weights of the second and third corner at the point of the triangle's rim that is nearest to (px, py). */
function nearestWeights(
  px: number,
  py: number,
  u0: number,
  v0: number,
  u1: number,
  v1: number,
  u2: number,
  v2: number,
): [number, number] {
  const t01 = along(px, py, u0, v0, u1, v1);
  const t12 = along(px, py, u1, v1, u2, v2);
  const t20 = along(px, py, u2, v2, u0, v0);
  const d01 = distance(px, py, u0 + t01 * (u1 - u0), v0 + t01 * (v1 - v0));
  const d12 = distance(px, py, u1 + t12 * (u2 - u1), v1 + t12 * (v2 - v1));
  const d20 = distance(px, py, u2 + t20 * (u0 - u2), v2 + t20 * (v0 - v2));
  if (d01 <= d12 && d01 <= d20) return [t01, 0];
  return d12 <= d20 ? [1 - t12, t12] : [0, 1 - t20];
}

function along(px: number, py: number, ax: number, ay: number, bx: number, by: number): number {
  const length = (bx - ax) ** 2 + (by - ay) ** 2;
  if (!(length > 0)) return 0;
  return Math.min(1, Math.max(0, ((px - ax) * (bx - ax) + (py - ay) * (by - ay)) / length));
}

function distance(ax: number, ay: number, bx: number, by: number): number {
  return (ax - bx) ** 2 + (ay - by) ** 2;
}
