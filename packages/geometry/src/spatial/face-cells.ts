/** A mesh' faces, sorted into the cells of a regular grid: plain arrays, so that threads can share them. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { boundsOf } from '../mesh/topology.ts';

/** Cells along the longest side at most; a vertex' place along an axis is kept in a byte. */
const MAX_SIDE = 128;
/** A face may stand in this many cells on average; else cells are made larger. */
const MAX_COPIES = 8;

export interface FaceCells {
  /** Corner of the first cell. */
  readonly min: readonly number[];
  /** Cells along each axis; x runs fastest. */
  readonly counts: readonly number[];
  /** Side of a cell, world units. */
  readonly cell: number;
  /** Faces in cell i: `faces` from `starts[i]` to before `starts[i + 1]`, ascending. */
  readonly starts: Int32Array;
  readonly faces: Int32Array;
}

/** A face stands in each cell that its box touches. */
export function faceCells(mesh: TriangleMesh): FaceCells {
  const { min, max } = boundsOf(mesh.positions);
  const faces = mesh.indices.length / 3;
  const extents = min.map((low, k) => (max[k] as number) - low);
  for (let side = Math.min(MAX_SIDE, Math.ceil(Math.sqrt(faces)) + 1); ; side >>= 1) {
    const cell = Math.max(...extents) / side || 1;
    const counts = extents.map((length) => Math.min(side, Math.floor(length / cell) + 1));
    const places = placesOf(mesh.positions, min, cell, counts);
    const starts = countPerCell(mesh.indices, places, counts);
    const copies = starts.at(-1) as number;
    if (side > 1 && copies > faces * MAX_COPIES) continue;
    const sorted = new Int32Array(copies);
    visitCells(mesh.indices, places, counts, starts, sorted);
    // Filling moved each start to the next cell's.
    starts.copyWithin(1, 0, starts.length - 1);
    starts[0] = 0;
    return { min, counts, cell, starts, faces: sorted };
  }
}

/** [V, 3] the cell of each vertex along each axis. */
function placesOf(
  positions: Float32Array,
  min: readonly number[],
  cell: number,
  counts: readonly number[],
): Uint8Array {
  const places = new Uint8Array(positions.length);
  for (let axis = 0; axis < 3; axis++) {
    const low = min[axis] as number;
    const last = (counts[axis] as number) - 1;
    for (let i = axis; i < positions.length; i += 3) {
      places[i] = Math.min(last, ((positions[i] as number) - low) / cell);
    }
  }
  return places;
}

/** [cells + 1] where each cell's faces will begin; the last is their sum. */
function countPerCell(indices: Uint32Array, places: Uint8Array, counts: readonly number[]): Int32Array {
  const [nx, ny, nz] = counts as [number, number, number];
  const starts = new Int32Array(nx * ny * nz + 1);
  visitCells(indices, places, counts, starts, undefined);
  let sum = 0;
  for (let cell = 0; cell < starts.length; cell++) {
    const count = starts[cell] as number;
    starts[cell] = sum;
    sum += count;
  }
  return starts;
}

/** Adds one to `starts` for each cell that a face's box touches; puts the face at what stood there, if asked to. */
function visitCells(
  indices: Uint32Array,
  places: Uint8Array,
  counts: readonly number[],
  starts: Int32Array,
  faces: Int32Array | undefined,
): void {
  const [nx, ny] = counts as [number, number];
  for (let i = 0, face = 0; i < indices.length; i += 3, face++) {
    const a = (indices[i] as number) * 3;
    const b = (indices[i + 1] as number) * 3;
    const c = (indices[i + 2] as number) * 3;
    const [ax, bx, cx] = [places[a] as number, places[b] as number, places[c] as number];
    const [ay, by, cy] = [places[a + 1] as number, places[b + 1] as number, places[c + 1] as number];
    const [az, bz, cz] = [places[a + 2] as number, places[b + 2] as number, places[c + 2] as number];
    const x0 = Math.min(ax, bx, cx);
    const x1 = Math.max(ax, bx, cx);
    const y0 = Math.min(ay, by, cy);
    const y1 = Math.max(ay, by, cy);
    const z1 = Math.max(az, bz, cz);
    for (let z = Math.min(az, bz, cz); z <= z1; z++) {
      for (let y = y0; y <= y1; y++) {
        const row = (z * ny + y) * nx;
        for (let cell = row + x0; cell <= row + x1; cell++) {
          const slot = starts[cell] as number;
          if (faces !== undefined) faces[slot] = face;
          starts[cell] = slot + 1;
        }
      }
    }
  }
}
