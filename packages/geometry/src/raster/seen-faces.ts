/** Which faces of a mesh a view shows anything of: rasterisation that keeps no more than the nearest face's number. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import type { View } from './camera.ts';

export interface SeenFacesOptions {
  /** Pixels along each side of the square view. */
  readonly size: number;
  /**
   * Leaves out faces that wind against the view. From outside a closed surface none of them is nearest, so this only
   * halves the work.
   */
  readonly cullsBack: boolean;
}

/** Draws views of one mesh, one after another in the same memory. */
export class SeenFaces {
  readonly #mesh: TriangleMesh;
  readonly #options: SeenFacesOptions;
  /** [V, 3] pixel x and y, from the middle of the first pixel; depth. */
  readonly #projected: Float32Array;
  readonly #depth: Float32Array;
  readonly #face: Int32Array;

  constructor(mesh: TriangleMesh, options: SeenFacesOptions) {
    this.#mesh = mesh;
    this.#options = options;
    this.#projected = new Float32Array(mesh.positions.length);
    this.#depth = new Float32Array(options.size * options.size);
    this.#face = new Int32Array(options.size * options.size);
  }

  /**
   * Sets `seen` to 1 for each face that is nearest in a pixel; of equally near ones the first is.
   *
   * @param view parallel projection, all of the mesh before it.
   * @param seen [F]
   */
  mark(view: View, seen: Uint8Array): void {
    this.#project(view);
    this.#depth.fill(Infinity);
    this.#face.fill(-1);
    this.#draw();
    const faces = this.#face;
    for (let pixel = 0; pixel < faces.length; pixel++)
      if ((faces[pixel] as number) >= 0) seen[faces[pixel] as number] = 1;
  }

  #project({ eye, right, up, forward, focal }: View): void {
    const [positions, projected, { size }] = [this.#mesh.positions, this.#projected, this.#options];
    const [[rx, ry, rz], [ux, uy, uz], [fx, fy, fz]] = [right, up, forward];
    const scale = (focal * size) / 2;
    const middle = (size - 1) / 2;
    for (let i = 0; i < positions.length; i += 3) {
      const dx = (positions[i] as number) - eye[0];
      const dy = (positions[i + 1] as number) - eye[1];
      const dz = (positions[i + 2] as number) - eye[2];
      projected[i] = middle + (dx * rx + dy * ry + dz * rz) * scale;
      projected[i + 1] = middle - (dx * ux + dy * uy + dz * uz) * scale;
      projected[i + 2] = dx * fx + dy * fy + dz * fz;
    }
  }

  #draw(): void {
    const { indices } = this.#mesh;
    const { size, cullsBack } = this.#options;
    const [projected, depths, faces] = [this.#projected, this.#depth, this.#face];
    const last = size - 1;
    for (let i = 0, face = 0; i < indices.length; i += 3, face++) {
      const a = (indices[i] as number) * 3;
      const b = (indices[i + 1] as number) * 3;
      const c = (indices[i + 2] as number) * 3;
      const ax = projected[a] as number;
      const ay = projected[a + 1] as number;
      const bx = (projected[b] as number) - ax;
      const by = (projected[b + 1] as number) - ay;
      const cx = (projected[c] as number) - ax;
      const cy = (projected[c + 1] as number) - ay;
      // Rows run down: what turns left in the world turns right here.
      const area = bx * cy - by * cx;
      if (cullsBack ? !(area < 0) : area === 0 || Number.isNaN(area)) continue;
      // As integers, or the loops below would count in floating point.
      const x0 = Math.max(0, Math.ceil(ax + Math.min(0, bx, cx)) | 0);
      const x1 = Math.min(last, Math.floor(ax + Math.max(0, bx, cx)) | 0);
      if (x0 > x1) continue;
      const y0 = Math.max(0, Math.ceil(ay + Math.min(0, by, cy)) | 0);
      const y1 = Math.min(last, Math.floor(ay + Math.max(0, by, cy)) | 0);
      if (y0 > y1) continue;
      const az = projected[a + 2] as number;
      const bz = (projected[b + 2] as number) - az;
      const cz = (projected[c + 2] as number) - az;
      // Weights of b and c are linear in x and y; stepping along a row is one addition each.
      const vdx = cy / area;
      const wdx = -by / area;
      const px = x0 - ax;
      for (let y = y0; y <= y1; y++) {
        const py = y - ay;
        let v = (px * cy - py * cx) / area;
        let w = (bx * py - by * px) / area;
        const end = y * size + x1;
        for (let pixel = y * size + x0; pixel <= end; pixel++, v += vdx, w += wdx) {
          if (v < 0 || w < 0 || v + w > 1) continue;
          const depth = az + bz * v + cz * w;
          if (!(depth < (depths[pixel] as number))) continue;
          depths[pixel] = depth;
          faces[pixel] = face;
        }
      }
    }
  }
}
