/** Where the surface passes: the cubes and the grid edges whose ends differ in sign, found 32 at a time. */

import { BitGrid } from './bit-grid.ts';
import { CUBE_CASES } from './cases.ts';

/** The cubes that the surface passes through, in grid order. */
export interface SurfaceCubes {
  readonly at: BitGrid;
  readonly count: number;
  /** [S, 3] */
  readonly coords: Int32Array;
  /** [S] sign pattern after ambiguous ones were replaced. */
  readonly cases: Uint8Array;
}

/** Cubes whose eight corners differ in sign. */
export function findSurfaceCubes(negative: BitGrid, resolution: number): SurfaceCubes {
  const at = new BitGrid(resolution, resolution, resolution);
  const { words, rowWords } = negative;
  for (let x = 0; x < resolution; x++) {
    for (let y = 0; y < resolution; y++) {
      const rows = [negative.row(x, y), negative.row(x, y + 1), negative.row(x + 1, y), negative.row(x + 1, y + 1)];
      const out = at.row(x, y);
      for (let k = 0; k < at.rowWords; k++) {
        let [any, all, nextAny, nextAll] = [0, -1, 0, -1];
        for (const row of rows) {
          const word = words[row + k] as number;
          const next = k + 1 < rowWords ? (words[row + k + 1] as number) : 0;
          any |= word;
          all &= word;
          nextAny |= next;
          nextAll &= next;
        }
        const anyAbove = (any >>> 1) | (nextAny << 31);
        const allAbove = (all >>> 1) | (nextAll << 31);
        const last = resolution - (k << 5);
        at.words[out + k] = (any | anyAbove) & ~(all & allAbove) & (last >= 32 ? -1 : (1 << last) - 1);
      }
    }
  }
  const count = at.index();
  const coords = new Int32Array(count * 3);
  const patterns = new Uint8Array(count);
  let cube = 0;
  at.forEach((x, y, z) => {
    coords.set([x, y, z], cube * 3);
    let pattern = 0;
    for (let corner = 0; corner < 8; corner++) {
      if (negative.has(x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2))) pattern |= 1 << corner;
    }
    patterns[cube++] = pattern;
  });
  return { at, count, coords, cases: resolveAmbiguous(at, coords, patterns) };
}

function resolveAmbiguous(at: BitGrid, coords: Int32Array, patterns: Uint8Array): Uint8Array {
  const cases = patterns.slice();
  const inGrid = (v: number) => v >= 0 && v < at.nx;
  for (let cube = 0; cube < patterns.length; cube++) {
    const pattern = patterns[cube] as number;
    const step = CUBE_CASES[pattern]?.ambiguousStep;
    if (step === undefined) continue;
    const x = (coords[cube * 3] as number) + step[0];
    const y = (coords[cube * 3 + 1] as number) + step[1];
    const z = (coords[cube * 3 + 2] as number) + step[2];
    if (!inGrid(x) || !inGrid(y) || !inGrid(z) || !at.has(x, y, z)) continue;
    const neighbour = patterns[at.rank(x, y, z)] as number;
    if (CUBE_CASES[neighbour]?.ambiguousStep !== undefined) cases[cube] = 255 - pattern;
  }
  return cases;
}

/** Both ends of every grid edge whose ends differ in sign. */
export function crossingEnds(negative: BitGrid): BitGrid {
  const { nx, ny, nz, rowWords, words } = negative;
  const ends = new BitGrid(nx, ny, nz);
  const out = ends.words;
  const mark = (row: number, other: number) => {
    for (let k = 0; k < rowWords; k++) {
      const cross = (words[row + k] as number) ^ (words[other + k] as number);
      out[row + k] = (out[row + k] as number) | cross;
      out[other + k] = (out[other + k] as number) | cross;
    }
  };
  for (let x = 0; x < nx; x++) {
    for (let y = 0; y < ny; y++) {
      const row = negative.row(x, y);
      if (x + 1 < nx) mark(row, negative.row(x + 1, y));
      if (y + 1 < ny) mark(row, negative.row(x, y + 1));
      for (let k = 0; k < rowWords; k++) {
        const cross = crossingsAlongZ(negative, row, k);
        out[row + k] = (out[row + k] as number) | cross | (cross << 1);
        if (cross < 0 && k + 1 < rowWords) out[row + k + 1] = (out[row + k + 1] as number) | 1;
      }
    }
  }
  return ends;
}

/** Bit b is set where the sign changes from z = 32k+b to the next vertex of the row. */
export function crossingsAlongZ(negative: BitGrid, row: number, k: number): number {
  const word = negative.words[row + k] as number;
  const next = k + 1 < negative.rowWords ? (negative.words[row + k + 1] as number) : 0;
  const last = negative.nz - 1 - (k << 5);
  return (word ^ ((word >>> 1) | (next << 31))) & (last >= 32 ? -1 : (1 << last) - 1);
}
