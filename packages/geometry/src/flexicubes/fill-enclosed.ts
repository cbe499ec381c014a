/**
 * Makes the space that active voxels enclose solid, before the surface is taken.
 *
 * The decoder says nothing about grid vertices that no active voxel touches; they count as outside (+1). Inside a
 * solid that grows a second, inner wall: 37-45 % of all faces in measured shapes. Here every untouched region is
 * judged by the signs of the touched vertices around it, and becomes inside where most of them are. Real cavities
 * see mostly outside signs and stay.
 *
 * Robust to holes in the active band: regions are first cut apart where they are joined by passages narrower than
 * 2 * `CLOSING_RADIUS` + 1 vertices (a morphological closing of the band), judged each on its own, and grown back
 * until they meet. A hole of up to four voxels then gets a wall across instead of letting the outside in.
 */

import { BitGrid } from './bit-grid.ts';
import { RegionLabels } from './region-labels.ts';
import type { VoxelField } from './voxel-field.ts';

/** Vertices by which the band is thickened in every direction (box metric) before regions are told apart. */
const CLOSING_RADIUS = 2;

export interface FillReport {
  /** Regions that became inside. */
  readonly regions: number;
  /** Grid vertices that became inside. */
  readonly vertices: number;
}

/** Sets the bits of enclosed vertices in `field.negative`. */
export function fillEnclosed(field: VoxelField): FillReport {
  const { touched } = field;
  const labels = new RegionLabels(touched);
  labels.addComponents(complement(dilate(touched, CLOSING_RADIUS)));
  const untouched = complement(touched);
  labels.grow(labels.dropLabelled(untouched));
  labels.addComponents(labels.dropLabelled(untouched));

  const votes = labels.countVotes(touched, (rank) => ((field.sdf[rank] as number) < 0 ? 1 : -1));
  const isInside = (region: number) => (votes[region] as number) > 0 && !labels.reachesBorder(region);
  const regions = votes.filter((_, region) => isInside(region)).length;
  return { regions, vertices: labels.copyInto(field.negative, isInside) };
}

function complement(grid: BitGrid): BitGrid {
  const result = new BitGrid(grid.nx, grid.ny, grid.nz);
  const tail = grid.nz & 31;
  for (let w = 0; w < result.words.length; w++) {
    const isLast = (w + 1) % grid.rowWords === 0;
    result.words[w] = ~(grid.words[w] as number) & (isLast && tail !== 0 ? (1 << tail) - 1 : -1);
  }
  return result;
}

/** Sets all cells within `radius` of a set cell, measured along each axis on its own. */
function dilate(grid: BitGrid, radius: number): BitGrid {
  let current = grid;
  for (let step = 0; step < radius; step++) {
    const { nx, ny, nz, rowWords } = current;
    const next = new BitGrid(nx, ny, nz);
    const source = current.words;
    const out = next.words;
    const tail = nz & 31;
    const alongZ = new Int32Array(source.length);
    for (let w = 0; w < source.length; w++) {
      const k = w % rowWords;
      const word = source[w] as number;
      const below = k > 0 ? (source[w - 1] as number) >>> 31 : 0;
      const above = k + 1 < rowWords ? (source[w + 1] as number) << 31 : 0;
      const spread = word | (word << 1) | below | (word >>> 1) | above;
      alongZ[w] = k + 1 === rowWords && tail !== 0 ? spread & ((1 << tail) - 1) : spread;
    }
    const alongY = spreadRows(alongZ, rowWords, ny * rowWords);
    out.set(spreadRows(alongY, ny * rowWords, nx * ny * rowWords));
    current = next;
  }
  return current;
}

/** ORs every row with its neighbours `stride` words away, within blocks of `extent` words. */
function spreadRows(source: Int32Array, stride: number, extent: number): Int32Array {
  const out = source.slice();
  for (let w = 0; w < source.length; w++) {
    const at = w % extent;
    if (at >= stride) out[w] = (out[w] as number) | (source[w - stride] as number);
    if (at + stride < extent) out[w] = (out[w] as number) | (source[w + stride] as number);
  }
  return out;
}
