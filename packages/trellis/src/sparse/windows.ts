import { rankLexicographically } from './downsample.ts';
import { groupBy, type VoxelGroups } from './groups.ts';
import { MAX_COORDINATE } from './voxels.ts';

/** Voxels by the cubic window they stand in. */
export interface Windows {
  /** [N] number of each voxel's window; non-empty windows are numbered lexicographically. */
  readonly windowOf: Int32Array;
  /** [W] voxels per window. */
  readonly lengths: Int32Array;
}

/** Buckets that windowed attention is run in: on 20,000 voxels four are four times as fast as one, eight no better. */
export const WINDOW_BUCKETS = 4;

/**
 * Partition of `attn_mode: "swin"`: the window of a voxel is floor((xyz + shift) / size). No cyclic roll and no
 * masks; windows at the border are just smaller.
 *
 * @param size Edge of a window in voxels, at least 1.
 * @param shift Added to every coordinate; 0 in even blocks, floor(size / 2) in odd ones.
 */
export function windows(voxels: Int32Array, size: number, shift: number): Windows {
  const windowAt = Int32Array.from({ length: MAX_COORDINATE + 1 }, (_, at) => Math.floor((at + shift) / size));
  const cells = new Int32Array(voxels.length);
  for (let i = 0; i < voxels.length; i++) cells[i] = windowAt[voxels[i] as number] as number;
  const windowOf = new Int32Array(voxels.length / 3);
  const lengths = new Int32Array(rankLexicographically(cells, windowOf).length / 3);
  for (let row = 0; row < windowOf.length; row++) {
    const window = windowOf[row] as number;
    lengths[window] = (lengths[window] as number) + 1;
  }
  return { windowOf, lengths };
}

/** {@link windows} as groups, in their order. */
export function windowGroups(voxels: Int32Array, size: number, shift: number): VoxelGroups {
  const { windowOf, lengths } = windows(voxels, size, shift);
  return groupBy(windowOf, lengths);
}
