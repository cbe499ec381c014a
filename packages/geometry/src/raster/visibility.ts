/** Which face each pixel sees: the part of rasterisation that shading, previews and hidden-face removal share. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import type { View } from './camera.ts';

export interface VisibilityBuffer {
  readonly width: number;
  readonly height: number;
  /** [height * width] nearest face, -1 for none. Rows from the top. */
  readonly face: Int32Array;
  /** [height * width] depth along the view direction, world units. */
  readonly depth: Float32Array;
  /** Barycentric weights of the face's second and third corner, corrected for perspective. */
  readonly v: Float32Array;
  readonly w: Float32Array;
}

/** Faces nearer than this to the eye plane are left out whole: cameras stand clear of the mesh. */
const NEAR = 1e-3;

export function rasterize(mesh: TriangleMesh, view: View, width: number, height: number): VisibilityBuffer {
  const buffer: VisibilityBuffer = {
    width,
    height,
    face: new Int32Array(width * height).fill(-1),
    depth: new Float32Array(width * height).fill(Infinity),
    v: new Float32Array(width * height),
    w: new Float32Array(width * height),
  };
  const projected = projectVertices(mesh.positions, view, width, height);
  for (let face = 0; face < mesh.indices.length / 3; face++)
    drawFace(mesh.indices, projected, face, buffer, view.isPerspective);
  return buffer;
}

/** [V, 3] pixel x, pixel y, depth. */
export function projectVertices(positions: Float32Array, view: View, width: number, height: number): Float64Array {
  const result = new Float64Array(positions.length);
  const { eye, right, up, forward, focal, isPerspective } = view;
  const scale = (focal * height) / 2;
  for (let i = 0; i < positions.length; i += 3) {
    const dx = (positions[i] as number) - eye[0];
    const dy = (positions[i + 1] as number) - eye[1];
    const dz = (positions[i + 2] as number) - eye[2];
    const depth = dx * forward[0] + dy * forward[1] + dz * forward[2];
    const factor = isPerspective ? scale / depth : scale;
    result[i] = width / 2 + (dx * right[0] + dy * right[1] + dz * right[2]) * factor;
    result[i + 1] = height / 2 - (dx * up[0] + dy * up[1] + dz * up[2]) * factor;
    result[i + 2] = depth;
  }
  return result;
}

function drawFace(
  indices: Uint32Array,
  projected: Float64Array,
  face: number,
  buffer: VisibilityBuffer,
  isPerspective: boolean,
): void {
  const { width, height } = buffer;
  const [a, b, c] = [
    (indices[face * 3] as number) * 3,
    (indices[face * 3 + 1] as number) * 3,
    (indices[face * 3 + 2] as number) * 3,
  ];
  const [ax, ay, az] = [projected[a] as number, projected[a + 1] as number, projected[a + 2] as number];
  const [bx, by, bz] = [projected[b] as number, projected[b + 1] as number, projected[b + 2] as number];
  const [cx, cy, cz] = [projected[c] as number, projected[c + 1] as number, projected[c + 2] as number];
  if (!(az > NEAR && bz > NEAR && cz > NEAR)) return;
  const area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax);
  if (area === 0 || Number.isNaN(area)) return;
  const x0 = Math.max(0, Math.ceil(Math.min(ax, bx, cx) - 0.5));
  const x1 = Math.min(width - 1, Math.floor(Math.max(ax, bx, cx) - 0.5));
  const y0 = Math.max(0, Math.ceil(Math.min(ay, by, cy) - 0.5));
  const y1 = Math.min(height - 1, Math.floor(Math.max(ay, by, cy) - 0.5));
  // Weights of b and c are linear in x and y; stepping along a row is one addition each.
  const vdx = (cy - ay) / area;
  const wdx = -(by - ay) / area;
  for (let y = y0; y <= y1; y++) {
    const [px, py] = [x0 + 0.5 - ax, y + 0.5 - ay];
    let v = (px * (cy - ay) - py * (cx - ax)) / area;
    let w = ((bx - ax) * py - (by - ay) * px) / area;
    for (let x = x0; x <= x1; x++, v += vdx, w += wdx) {
      if (v < 0 || w < 0 || v + w > 1) continue;
      let [pv, pw, depth] = [v, w, 0];
      if (isPerspective) {
        const inverse = (1 - v - w) / az + v / bz + w / cz;
        depth = 1 / inverse;
        pv = (v / bz) * depth;
        pw = (w / cz) * depth;
      } else depth = az * (1 - v - w) + bz * v + cz * w;
      const pixel = y * width + x;
      if (!(depth < (buffer.depth[pixel] as number))) continue;
      buffer.depth[pixel] = depth;
      buffer.face[pixel] = face;
      buffer.v[pixel] = pv;
      buffer.w[pixel] = pw;
    }
  }
}
