/**
 * Groups of voxels that attend to each other, in the form a graph consumes.
 *
 * Groups differ in length; padding all of them to the longest wastes most of the work, a graph input per group is
 * no graph. So groups are sorted into a fixed number of buckets, each padded to its own longest group.
 */
export interface AttentionBucket {
  /** [W, L] rows of the voxels of each group; pads point at row 0 and are masked by `lengths`. */
  readonly rows: Int32Array;
  /** [W] voxels in each group, 1..L. */
  readonly lengths: Int32Array;
  readonly groups: number;
  readonly capacity: number;
}

export interface AttentionPartition {
  readonly buckets: readonly AttentionBucket[];
  /** [N] where each voxel's result stands when the buckets' [W * L] rows are laid one after another. */
  readonly back: Int32Array;
}

/**
 * Chooses bucket capacities for groups of given lengths: at most `buckets` of them, such that the padded work is
 * least. The work of a group padded to L is taken as L * (L + 32): scores grow with the square, all else linearly.
 *
 * @param lengths One per group, at least 1.
 * @returns Ascending capacities; the last is the greatest length.
 */
export function bucketCapacities(lengths: Int32Array, buckets: number): number[] {
  const counts = new Map<number, number>();
  for (const length of lengths) counts.set(length, (counts.get(length) ?? 0) + 1);
  const distinct = [...counts.keys()].sort((a, b) => a - b);
  const groups = [0];
  for (const length of distinct) groups.push((groups.at(-1) ?? 0) + (counts.get(length) ?? 0));
  const cost = (from: number, to: number): number => {
    const capacity = distinct[to - 1] as number;
    return ((groups[to] as number) - (groups[from] as number)) * capacity * (capacity + 32);
  };
  // best[k][i]: least work of the first i distinct lengths in k buckets; cut[k][i]: where its last bucket starts.
  let best = [0, ...distinct.map(() => Infinity)];
  const cuts: number[][] = [];
  for (let k = 0; k < Math.min(buckets, distinct.length); k++) {
    const next = best.map(() => Infinity);
    next[0] = 0;
    const cut = best.map(() => 0);
    for (let i = 1; i <= distinct.length; i++) {
      for (let j = 0; j < i; j++) {
        const total = (best[j] as number) + cost(j, i);
        if (total < (next[i] as number)) {
          next[i] = total;
          cut[i] = j;
        }
      }
    }
    best = next;
    cuts.push(cut);
  }
  const capacities: number[] = [];
  for (let k = cuts.length - 1, i = distinct.length; k >= 0 && i > 0; k--) {
    capacities.unshift(distinct[i - 1] as number);
    i = (cuts[k] as number[])[i] as number;
  }
  return capacities;
}

/**
 * Lays groups out in buckets.
 *
 * @param groupOf [N] group of every voxel.
 * @param lengths [G] voxels per group, all at least 1.
 * @param buckets Number of buckets of the result, exactly; a surplus one holds a single dummy group of row 0
 *   whose result is not used, since a graph's inputs may not be empty.
 */
export function partitionByGroup(groupOf: Int32Array, lengths: Int32Array, buckets: number): AttentionPartition {
  const capacities = bucketCapacities(lengths, buckets);
  const bucketOf = lengths.map((length) => capacities.findIndex((capacity) => capacity >= length));
  const slotOf = new Int32Array(lengths.length);
  const sizes = capacities.map(() => 0);
  for (let group = 0; group < lengths.length; group++) {
    const bucket = bucketOf[group] as number;
    slotOf[group] = sizes[bucket] as number;
    sizes[bucket] = (sizes[bucket] as number) + 1;
  }
  const laid = capacities.map((capacity, bucket) => emptyBucket(sizes[bucket] as number, capacity));
  const starts: number[] = [];
  let total = 0;
  for (const { groups, capacity } of laid) {
    starts.push(total);
    total += groups * capacity;
  }
  const filled = new Int32Array(lengths.length);
  const back = new Int32Array(groupOf.length);
  for (let row = 0; row < groupOf.length; row++) {
    const group = groupOf[row] as number;
    const bucket = bucketOf[group] as number;
    const { rows, lengths: used, capacity } = laid[bucket] as AttentionBucket;
    const at = (slotOf[group] as number) * capacity + (filled[group] as number);
    filled[group] = (filled[group] as number) + 1;
    rows[at] = row;
    used[slotOf[group] as number] = lengths[group] as number;
    back[row] = (starts[bucket] as number) + at;
  }
  while (laid.length < buckets) laid.push({ ...emptyBucket(1, 1), lengths: Int32Array.of(1) });
  return { buckets: laid, back };
}

function emptyBucket(groups: number, capacity: number): AttentionBucket {
  return { rows: new Int32Array(groups * capacity), lengths: new Int32Array(groups), groups, capacity };
}
