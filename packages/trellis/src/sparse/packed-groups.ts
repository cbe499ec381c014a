import { groupLengths, type VoxelGroups } from './groups.ts';

/** Groups without padding, as kernels for sequences of unequal length want them. */
export interface PackedGroups extends VoxelGroups {
  /**
   * [G, L] with L the longest group's length: places in a grid of G groups padded to L, first those of the T members
   * in their order, then the ones that stay empty.
   */
  readonly places: Int32Array;
  readonly groups: number;
  readonly capacity: number;
}

export function packedGroups(all: VoxelGroups): PackedGroups {
  const lengths = groupLengths(all);
  const groups = lengths.length;
  const capacity = lengths.reduce((longest, length) => Math.max(longest, length), 0);
  const places = new Int32Array(groups * capacity);
  let member = 0;
  let empty = all.rows.length;
  for (let group = 0; group < groups; group++) {
    const first = group * capacity;
    const end = first + (lengths[group] as number);
    for (let place = first; place < end; place++) places[member++] = place;
    for (let place = end; place < first + capacity; place++) places[empty++] = place;
  }
  return { ...all, places, groups, capacity };
}
