import { describe, expect, it } from 'vitest';
import { randomVoxels } from '../../test/support/random-voxels.ts';
import { type AttentionPartition, packedGroups, serializedPartition, windowPartition } from './index.ts';

/** What stands where in the padded grid of each bucket: the row, and of which group. */
function places({ buckets }: AttentionPartition): { row: number; group: number; slot: number }[] {
  let group = 0;
  return buckets.flatMap(({ rows, lengths, capacity }) =>
    [...lengths].flatMap((length) => {
      const members = Array.from({ length: capacity }, (_, slot) => ({
        row: slot < length ? (rows[((group - first(buckets, group)) * capacity + slot) as number] as number) : -1,
        group,
        slot,
      }));
      group++;
      return members;
    }),
  );
}

/** Number of the first group of the bucket that `group` is in. */
function first(buckets: AttentionPartition['buckets'], group: number): number {
  let begin = 0;
  for (const { groups } of buckets) {
    if (group < begin + groups) return begin;
    begin += groups;
  }
  throw new Error(`there is no group ${group}`);
}

const partitions = {
  'windows of 8': windowPartition(randomVoxels(420, 20, 3), 8, 4),
  'windows of one voxel': windowPartition(randomVoxels(30, 6, 4), 1, 0),
  'spans of a curve, which overlap': serializedPartition(randomVoxels(100, 12, 5), {
    curve: 'z-order',
    size: 16,
    shiftSequence: 8,
    shiftWindow: 0,
  }),
};

describe('packed groups', () => {
  for (const [name, partition] of Object.entries(partitions)) {
    const packed = packedGroups(partition);
    const real = places(partition).filter(({ row }) => row >= 0);

    it(`hold the rows of each group, one behind another: ${name}`, () => {
      expect([...packed.rows]).toEqual(real.map(({ row }) => row));
      const lengths = partition.buckets.flatMap((bucket) => [...bucket.lengths]);
      expect(packed.starts[0]).toBe(0);
      expect(lengths.map((_, g) => (packed.starts[g + 1] as number) - (packed.starts[g] as number))).toEqual(lengths);
    });

    it(`name each place of the padded grid once, the rows' own first: ${name}`, () => {
      expect([...packed.places.slice(0, real.length)]).toEqual(
        real.map(({ group, slot }) => group * packed.capacity + slot),
      );
      expect(packed.places.toSorted()).toEqual(
        Int32Array.from({ length: packed.groups * packed.capacity }, (_, i) => i),
      );
    });

    it(`give each voxel the result that the buckets give it: ${name}`, () => {
      const all = places(partition);
      for (const [voxel, at] of partition.back.entries()) {
        expect(real[packed.back[voxel] as number]).toEqual(all[at]);
      }
    });
  }
});
