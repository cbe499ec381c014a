/**
 * Groups of voxels that attend to each other, one behind another. Two forms that a graph consumes are made of them:
 * `bucketed` for the CPU, `packedGroups` for CUDA.
 */
export interface VoxelGroups {
  /** [T] row of each member of each group. */
  readonly rows: Int32Array;
  /** [G + 1] where each group begins among the T members, and T. No group is empty. */
  readonly starts: Int32Array;
  /** [N] which of the T members each voxel takes its result from. */
  readonly back: Int32Array;
}

/**
 * Groups of which each voxel is in one; members in ascending order.
 *
 * @param groupOf [N] number of each voxel's group.
 * @param lengths [G] voxels per group, all at least 1.
 */
export function groupBy(groupOf: Int32Array, lengths: Int32Array): VoxelGroups {
  const starts = new Int32Array(lengths.length + 1);
  for (let group = 0; group < lengths.length; group++) {
    starts[group + 1] = (starts[group] as number) + (lengths[group] as number);
  }
  const next = starts.slice();
  const rows = new Int32Array(groupOf.length);
  const back = new Int32Array(groupOf.length);
  for (let row = 0; row < groupOf.length; row++) {
    const group = groupOf[row] as number;
    const member = next[group] as number;
    next[group] = member + 1;
    rows[member] = row;
    back[row] = member;
  }
  return { rows, starts, back };
}

/** [G] members of each group. */
export function groupLengths({ starts }: VoxelGroups): Int32Array {
  const lengths = starts.slice(1);
  for (let group = 0; group < lengths.length; group++) {
    lengths[group] = (lengths[group] as number) - (starts[group] as number);
  }
  return lengths;
}
