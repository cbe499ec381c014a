/** Short questions to a mesh whose faces are sorted into cells, which is quicker than making a tree of them. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { closestOnTriangle, type TrianglePoint } from './closest-on-triangle.ts';
import { type FaceCells, faceCells } from './face-cells.ts';

/** Hits nearer than this to where a ray begins are the face that it begins on. World units. */
const NEAREST_HIT = 1e-5;

export class FaceGrid {
  /** Faces that rays were tested against so far: a measure of time that is the same on every machine. */
  tests = 0;
  readonly #mesh: TriangleMesh;
  readonly #min: readonly number[];
  readonly #counts: readonly number[];
  readonly #cell: number;
  readonly #starts: Int32Array;
  readonly #faces: Int32Array;
  readonly #range = new Int32Array(6);
  readonly #corners = new Float32Array(9);
  readonly #point: TrianglePoint = { v: 0, w: 0 };

  constructor(mesh: TriangleMesh, { min, counts, cell, starts, faces }: FaceCells = faceCells(mesh)) {
    this.#mesh = mesh;
    this.#min = min;
    this.#counts = counts;
    this.#cell = cell;
    this.#starts = starts;
    this.#faces = faces;
  }

  /** True when the ray meets no face, either side. Amanatides & Woo 1987 from cell to cell, Moeller & Trumbore 1997. */
  isOpen(ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): boolean {
    const [nx, ny, nz] = this.#counts as [number, number, number];
    const cell = this.#cell;
    const px = (ox - (this.#min[0] as number)) / cell;
    const py = (oy - (this.#min[1] as number)) / cell;
    const pz = (oz - (this.#min[2] as number)) / cell;
    let x = Math.min(nx - 1, Math.max(0, Math.floor(px)));
    let y = Math.min(ny - 1, Math.max(0, Math.floor(py)));
    let z = Math.min(nz - 1, Math.max(0, Math.floor(pz)));
    // How far along the ray the next cell of each axis begins.
    let tx = dx === 0 ? Infinity : (x + (dx > 0 ? 1 : 0) - px) / dx;
    let ty = dy === 0 ? Infinity : (y + (dy > 0 ? 1 : 0) - py) / dy;
    let tz = dz === 0 ? Infinity : (z + (dz > 0 ? 1 : 0) - pz) / dz;
    const [stepX, stepY, stepZ] = [Math.sign(dx), Math.sign(dy), Math.sign(dz)];
    const [acrossX, acrossY, acrossZ] = [Math.abs(1 / dx), Math.abs(1 / dy), Math.abs(1 / dz)];
    for (;;) {
      if (this.#isCellHit((z * ny + y) * nx + x, ox, oy, oz, dx, dy, dz)) return false;
      if (tx < ty && tx < tz) {
        x += stepX;
        tx += acrossX;
        if (x < 0 || x >= nx) return true;
      } else if (ty < tz) {
        y += stepY;
        ty += acrossY;
        if (y < 0 || y >= ny) return true;
      } else {
        if (tz === Infinity) return true;
        z += stepZ;
        tz += acrossZ;
        if (z < 0 || z >= nz) return true;
      }
    }
  }

  /** True when a face is no further than `limit` from a point. World units. */
  isWithin(point: ArrayLike<number>, limit: number): boolean {
    this.#rangeAround(point, limit);
    return this.#nearestInRange(point, limit) <= limit;
  }

  /** Distance from a point to the nearest face, or `limit` when none is as near as that. World units. */
  distanceWithin(point: ArrayLike<number>, limit: number): number {
    // Boxes around the point, from a small one on, until what was found lies inside.
    for (let reach = Math.min(limit, this.#cell / 4); ; reach = Math.min(limit, reach * 2)) {
      this.#rangeAround(point, reach);
      const nearest = this.#nearestInRange(point, 0);
      if (nearest <= reach) return nearest;
      if (reach === limit) return limit;
    }
  }

  #rangeAround(point: ArrayLike<number>, reach: number): void {
    for (let k = 0; k < 3; k++) {
      const place = (point[k] as number) - (this.#min[k] as number);
      this.#range[k] = Math.max(0, Math.floor((place - reach) / this.#cell));
      this.#range[k + 3] = Math.min((this.#counts[k] as number) - 1, Math.floor((place + reach) / this.#cell));
    }
  }

  /** Distance to the nearest face in the cells of the range, or to the first that is no further than `enough`. */
  #nearestInRange(point: ArrayLike<number>, enough: number): number {
    const { positions, indices } = this.#mesh;
    const [x, y, z] = [point[0] as number, point[1] as number, point[2] as number];
    const [nx, ny] = this.#counts as [number, number];
    const [x0, y0, z0, x1, y1, z1] = this.#range as unknown as [number, number, number, number, number, number];
    const corners = this.#corners;
    let nearest = Infinity;
    for (let cz = z0; cz <= z1; cz++) {
      for (let cy = y0; cy <= y1; cy++) {
        const row = (cz * ny + cy) * nx;
        const end = this.#starts[row + x1 + 1] as number;
        for (let i = this.#starts[row + x0] as number; i < end; i++) {
          const face = (this.#faces[i] as number) * 3;
          for (let k = 0; k < 3; k++) {
            const vertex = (indices[face + k] as number) * 3;
            for (let c = 0; c < 3; c++) corners[k * 3 + c] = positions[vertex + c] as number;
          }
          nearest = Math.min(nearest, closestOnTriangle(corners, 0, x, y, z, this.#point));
          if (nearest <= enough * enough) return Math.sqrt(nearest);
        }
      }
    }
    return Math.sqrt(nearest);
  }

  #isCellHit(cell: number, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number): boolean {
    const { positions: p, indices } = this.#mesh;
    const [faces, end] = [this.#faces, this.#starts[cell + 1] as number];
    for (let i = this.#starts[cell] as number; i < end; i++) {
      this.tests++;
      const face = (faces[i] as number) * 3;
      const a = (indices[face] as number) * 3;
      const b = (indices[face + 1] as number) * 3;
      const c = (indices[face + 2] as number) * 3;
      const ax = p[a] as number;
      const ay = p[a + 1] as number;
      const az = p[a + 2] as number;
      const ux = (p[b] as number) - ax;
      const uy = (p[b + 1] as number) - ay;
      const uz = (p[b + 2] as number) - az;
      const vx = (p[c] as number) - ax;
      const vy = (p[c + 1] as number) - ay;
      const vz = (p[c + 2] as number) - az;
      const px = dy * vz - dz * vy;
      const py = dz * vx - dx * vz;
      const pz = dx * vy - dy * vx;
      const determinant = ux * px + uy * py + uz * pz;
      if (determinant === 0) continue;
      const sx = ox - ax;
      const sy = oy - ay;
      const sz = oz - az;
      const v = (sx * px + sy * py + sz * pz) / determinant;
      if (!(v >= 0 && v <= 1)) continue;
      const qx = sy * uz - sz * uy;
      const qy = sz * ux - sx * uz;
      const qz = sx * uy - sy * ux;
      const w = (dx * qx + dy * qy + dz * qz) / determinant;
      if (!(w >= 0 && v + w <= 1)) continue;
      if ((vx * qx + vy * qy + vz * qz) / determinant > NEAREST_HIT) return true;
    }
    return false;
  }
}
