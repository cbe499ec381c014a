/**
 * How much of the surroundings each pixel's surface sees: creases and contacts come out darker. From the depths alone
 * (ambient obscurance in screen space, after McGuire et al., "The Alchemy Screen-Space Ambient Obscurance Algorithm",
 * HPG 2011).
 */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { dot, type Vector3, type View } from './camera.ts';
import type { VisibilityBuffer } from './visibility.ts';

const SAMPLES = 16;
/** Turns of the spiral that the samples lie on: prime to their number, so that no direction is left out. */
const TURNS = 7;
/** What lies lower than this above the tangent plane, as a sine, is the surface itself. */
const BIAS = 0.18;
const STRENGTH = 3.4;
const LEAST = 0.25;

export class Occlusion {
  readonly #view: View;
  readonly #buffer: VisibilityBuffer;
  readonly #radius: number;
  readonly #normals: Float32Array;
  /** Pixels for a world unit, one unit away or at any distance. */
  readonly #scale: number;

  /** @param radius how far away a surface still casts shade, world units */
  constructor(mesh: TriangleMesh, view: View, buffer: VisibilityBuffer, radius: number) {
    this.#view = view;
    this.#buffer = buffer;
    this.#radius = radius;
    this.#normals = faceNormals(mesh, view);
    this.#scale = (view.focal * buffer.height) / 2;
  }

  /** Share of the surroundings' light that reaches a pixel of the buffer that some face covers. */
  lightAt(pixel: number): number {
    const { width, height, face, depth } = this.#buffer;
    const [column, row, near] = [pixel % width, Math.floor(pixel / width), depth[pixel] as number];
    const unit = this.#unitAt(near);
    const px = (column + 0.5 - width / 2) * unit;
    const py = (height / 2 - row - 0.5) * unit;
    let [nx, ny, nz] = [0, 1, 2].map((k) => this.#normals[(face[pixel] as number) * 3 + k]) as [number, number, number];
    // A face seen from behind is shaded as if it were turned round.
    const away = this.#view.isPerspective ? px * nx + py * ny + near * nz : nz;
    if (away > 0) [nx, ny, nz] = [-nx, -ny, -nz];
    const reach = 2 * this.#radius;
    let sum = 0;
    for (let s = 0; s < SAMPLES; s++) {
      const x = Math.round(column + (OFFSETS[s * 2] as number) * (this.#radius / unit));
      const y = Math.round(row + (OFFSETS[s * 2 + 1] as number) * (this.#radius / unit));
      if (x < 0 || y < 0 || x >= width || y >= height) continue;
      const there = y * width + x;
      if ((face[there] as number) < 0) continue;
      const far = depth[there] as number;
      const step = this.#unitAt(far);
      const dx = (x + 0.5 - width / 2) * step - px;
      const dy = (height / 2 - y - 0.5) * step - py;
      const dz = far - near;
      const distance = Math.sqrt(dx * dx + dy * dy + dz * dz);
      if (distance === 0 || distance > reach) continue;
      const sine = (dx * nx + dy * ny + dz * nz) / distance - BIAS;
      if (sine > 0) sum += sine * (1 - distance / reach);
    }
    return Math.max(LEAST, 1 - (STRENGTH * sum) / SAMPLES);
  }

  /** World units of one pixel at that depth. */
  #unitAt(depth: number): number {
    return (this.#view.isPerspective ? depth : 1) / this.#scale;
  }
}

/** [SAMPLES, 2] places on a spiral, for a radius of one. */
const OFFSETS = Float64Array.from({ length: SAMPLES * 2 }, (_, i) => {
  const share = (Math.floor(i / 2) + 0.5) / SAMPLES;
  const angle = share * TURNS * 2 * Math.PI;
  return share * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
});

/** [F, 3] unit normals in the camera's axes right, up, forward. */
function faceNormals({ positions, indices }: TriangleMesh, view: View): Float32Array {
  const normals = new Float32Array(indices.length);
  const corner = (i: number): Vector3 => {
    const at = (indices[i] as number) * 3;
    return [positions[at] as number, positions[at + 1] as number, positions[at + 2] as number];
  };
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [corner(i), corner(i + 1), corner(i + 2)];
    const [ux, uy, uz] = [b[0] - a[0], b[1] - a[1], b[2] - a[2]];
    const [vx, vy, vz] = [c[0] - a[0], c[1] - a[1], c[2] - a[2]];
    const normal: Vector3 = [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
    const length = Math.hypot(...normal) || 1;
    [view.right, view.up, view.forward].forEach((axis, k) => {
      normals[i + k] = dot(axis, normal) / length;
    });
  }
  return normals;
}
