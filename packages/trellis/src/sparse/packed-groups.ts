import type { AttentionPartition } from './partition.ts';

/** A partition with its groups one behind another and no padding, as kernels for sequences of unequal length want it. */
export interface PackedGroups {
  /** [T] row of each member of each group. */
  readonly rows: Int32Array;
  /** [G + 1] where each group begins among the T members, and T. */
  readonly starts: Int32Array;
  /**
   * [G, L] with L the longest group's length: places in a grid of G groups padded to L, first those of the T members
   * in their order, then the ones that stay empty.
   */
  readonly places: Int32Array;
  /** [N] which of the T members each voxel takes its result from. */
  readonly back: Int32Array;
  readonly groups: number;
  readonly capacity: number;
}

export function packedGroups({ buckets, back }: AttentionPartition): PackedGroups {
  const groups = buckets.reduce((sum, bucket) => sum + bucket.groups, 0);
  const capacity = Math.max(...buckets.map((bucket) => bucket.capacity));
  const padded = buckets.reduce((sum, bucket) => sum + bucket.rows.length, 0);
  const rows = new Int32Array(padded);
  const starts = new Int32Array(groups + 1);
  const places = new Int32Array(groups * capacity);
  const memberAt = new Int32Array(padded);
  let members = 0;
  let group = 0;
  let bucketStart = 0;
  for (const bucket of buckets) {
    for (let i = 0; i < bucket.groups; i++, group++) {
      for (let j = 0; j < (bucket.lengths[i] as number); j++, members++) {
        const at = i * bucket.capacity + j;
        rows[members] = bucket.rows[at] as number;
        places[members] = group * capacity + j;
        memberAt[bucketStart + at] = members;
      }
      starts[group + 1] = members;
    }
    bucketStart += bucket.rows.length;
  }
  let empty = members;
  for (let g = 0; g < groups; g++) {
    const length = (starts[g + 1] as number) - (starts[g] as number);
    for (let j = length; j < capacity; j++) places[empty++] = g * capacity + j;
  }
  return {
    rows: rows.slice(0, members),
    starts,
    places,
    back: back.map((at) => memberAt[at] as number),
    groups,
    capacity,
  };
}
