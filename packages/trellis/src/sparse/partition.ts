import { groupLengths, type VoxelGroups } from './groups.ts';

/**
 * Groups of voxels that attend to each other, in the form that a graph for the CPU consumes.
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
  const counts = new Int32Array(lengths.reduce((longest, length) => Math.max(longest, length), 0) + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  const distinct = [...counts.keys()].filter((length) => (counts[length] as number) > 0);
  const groups = [0];
  for (const length of distinct) groups.push((groups.at(-1) ?? 0) + (counts[length] as number));
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
 * @param buckets Number of buckets of the result, exactly; a surplus one holds a single dummy group of row 0
 *   whose result is not used, since a graph's inputs may not be empty.
 */
export function bucketed(all: VoxelGroups, buckets: number): AttentionPartition {
  const lengths = groupLengths(all);
  const capacities = bucketCapacities(lengths, buckets);
  const bucketOf = lengths.map((length) => capacities.findIndex((capacity) => capacity >= length));
  const sizes = capacities.map(() => 0);
  for (const bucket of bucketOf) sizes[bucket] = (sizes[bucket] as number) + 1;
  const laid = capacities.map((capacity, bucket) => emptyBucket(sizes[bucket] as number, capacity));
  const begins: number[] = [];
  let total = 0;
  for (const { rows } of laid) {
    begins.push(total);
    total += rows.length;
  }
  const filled = capacities.map(() => 0);
  const placeOf = new Int32Array(all.rows.length);
  for (let group = 0; group < lengths.length; group++) {
    const bucket = bucketOf[group] as number;
    const slot = filled[bucket] as number;
    filled[bucket] = slot + 1;
    const { rows, lengths: used, capacity } = laid[bucket] as AttentionBucket;
    const [from, to] = [all.starts[group] as number, all.starts[group + 1] as number];
    rows.set(all.rows.subarray(from, to), slot * capacity);
    used[slot] = to - from;
    const place = (begins[bucket] as number) + slot * capacity;
    for (let member = from; member < to; member++) placeOf[member] = place + member - from;
  }
  while (laid.length < buckets) laid.push({ ...emptyBucket(1, 1), lengths: Int32Array.of(1) });
  return { buckets: laid, back: all.back.map((member) => placeOf[member] as number) };
}

function emptyBucket(groups: number, capacity: number): AttentionBucket {
  return { rows: new Int32Array(groups * capacity), lengths: new Int32Array(groups), groups, capacity };
}
