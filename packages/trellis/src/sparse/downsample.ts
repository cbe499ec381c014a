import { boundsOf, voxelCount, voxelKey } from './voxels.ts';

/** How fine voxels map to the voxels of a grid half as fine. */
export interface Downsampling {
  /** [M, 3] coarse voxels in lexicographic order. */
  readonly voxels: Int32Array;
  /** [N] coarse row of every fine voxel: up-sampling is a gather with it. */
  readonly parents: Int32Array;
  /** [M, 8] fine rows of every coarse voxel, ascending, then N for "none" (a row of zeros). */
  readonly children: Int32Array;
  /**
   * [M] 1 / (n + 1) for n children. TRELLIS pools with a mean that counts the zero it starts from as one more
   * member (`SparseDownsample`, torch's `scatter_reduce` with `include_self`).
   */
  readonly scale: Float32Array;
}

/** Largest coarse box, in cells of 4 bytes, that is counted densely; beyond it keys are sorted. */
const DENSE_CELLS = 2 ** 24;

/** Halves the grid: voxel p belongs to coarse voxel floor(p / 2). */
export function downsample(voxels: Int32Array): Downsampling {
  const rows = voxelCount(voxels);
  const half = voxels.map((value) => value >> 1);
  const parents = new Int32Array(rows);
  const coarse = rankLexicographically(half, parents);
  const count = voxelCount(coarse);
  const members = new Int32Array(count);
  const children = new Int32Array(count * 8).fill(rows);
  for (let row = 0; row < rows; row++) {
    const parent = parents[row] as number;
    const member = members[parent] as number;
    if (member === 8) throw new RangeError(`voxel ${voxels.subarray(row * 3, row * 3 + 3).join(',')} stands twice`);
    children[parent * 8 + member] = row;
    members[parent] = member + 1;
  }
  const scale = new Float32Array(count);
  for (let parent = 0; parent < count; parent++) scale[parent] = 1 / ((members[parent] as number) + 1);
  return { voxels: coarse, parents, children, scale };
}

/**
 * Numbers distinct voxels lexicographically.
 *
 * @param ranks [N], receives the number of every voxel.
 * @returns [M, 3] the distinct voxels in that order.
 */
export function rankLexicographically(voxels: Int32Array, ranks: Int32Array): Int32Array {
  if (voxels.length === 0) return new Int32Array(0);
  const { min, max } = boundsOf(voxels);
  const strideY = max[2] - min[2] + 1;
  const strideX = (max[1] - min[1] + 1) * strideY;
  const cells = (max[0] - min[0] + 1) * strideX;
  return cells <= DENSE_CELLS ? rankByGrid(voxels, ranks, min, strideX, strideY, cells) : rankBySorting(voxels, ranks);
}

function rankByGrid(
  voxels: Int32Array,
  ranks: Int32Array,
  min: readonly [number, number, number],
  strideX: number,
  strideY: number,
  cells: number,
): Int32Array {
  const rankOfCell = new Int32Array(cells);
  const cellOf = (row: number): number =>
    ((voxels[row * 3] as number) - min[0]) * strideX +
    ((voxels[row * 3 + 1] as number) - min[1]) * strideY +
    (voxels[row * 3 + 2] as number) -
    min[2];
  for (let row = 0; row < ranks.length; row++) rankOfCell[cellOf(row)] = 1;
  let count = 0;
  for (let cell = 0; cell < cells; cell++) if (rankOfCell[cell] === 1) rankOfCell[cell] = count++;
  const distinct = new Int32Array(count * 3);
  for (let row = 0; row < ranks.length; row++) {
    const rank = rankOfCell[cellOf(row)] as number;
    ranks[row] = rank;
    distinct[rank * 3] = voxels[row * 3] as number;
    distinct[rank * 3 + 1] = voxels[row * 3 + 1] as number;
    distinct[rank * 3 + 2] = voxels[row * 3 + 2] as number;
  }
  return distinct;
}

function rankBySorting(voxels: Int32Array, ranks: Int32Array): Int32Array {
  const keys = new Int32Array(ranks.length);
  for (let row = 0; row < keys.length; row++) {
    keys[row] = voxelKey(voxels[row * 3] as number, voxels[row * 3 + 1] as number, voxels[row * 3 + 2] as number);
  }
  const sorted = keys.slice().sort();
  let count = 0;
  for (let i = 0; i < sorted.length; i++) {
    if (i === 0 || sorted[i] !== sorted[i - 1]) sorted[count++] = sorted[i] as number;
  }
  const distinct = new Int32Array(count * 3);
  for (let rank = 0; rank < count; rank++) {
    const key = sorted[rank] as number;
    distinct.set([key >> 20, (key >> 10) & 1023, key & 1023], rank * 3);
  }
  for (let row = 0; row < keys.length; row++) ranks[row] = lowerBound(sorted, count, keys[row] as number);
  return distinct;
}

function lowerBound(sorted: Int32Array, count: number, key: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
