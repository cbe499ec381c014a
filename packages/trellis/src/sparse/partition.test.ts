import { describe, expect, it } from 'vitest';
import { goldenCase } from '../../test/support/golden-case.ts';
import { randomVoxels, rowsOf, seededRandom } from '../../test/support/random-voxels.ts';
import {
  type AttentionPartition,
  bucketCapacities,
  bucketed,
  CURVES,
  curvePositions,
  groupBy,
  type Serialization,
  serializedGroups,
  voxelsFromCoords,
  WINDOW_BUCKETS,
  windowGroups,
  windows,
} from './index.ts';

/** Rows that attend together, as a graph would see them: one list per group, pads cut off. */
function groupsOf(partition: AttentionPartition): number[][] {
  return partition.buckets.flatMap(({ rows, lengths, groups, capacity }) =>
    Array.from({ length: groups }, (_, group) => [
      ...rows.subarray(group * capacity, group * capacity + (lengths[group] as number)),
    ]),
  );
}

/** Row whose result voxel `row` takes back, and the group that it was computed in. */
function resultOf(partition: AttentionPartition, row: number): { row: number; group: number[] } {
  let at = partition.back[row] as number;
  for (const { rows, lengths, groups, capacity } of partition.buckets) {
    if (at < groups * capacity) {
      const group = Math.floor(at / capacity);
      expect(at % capacity).toBeLessThan(lengths[group] as number);
      const members = [...rows.subarray(group * capacity, group * capacity + (lengths[group] as number))];
      return { row: rows[at] as number, group: members };
    }
    at -= groups * capacity;
  }
  throw new Error(`back[${row}] points past the buckets`);
}

describe('windows', () => {
  it('numbers the windows of the reference run', async () => {
    const golden = await goldenCase('gs_decoder');
    const voxels = voxelsFromCoords(golden.int32('coords'));
    for (const [shift, block] of [
      [0, 0],
      [4, 1],
    ] as const) {
      const { windowOf, lengths } = windows(voxels, 8, shift);
      expect(windowOf).toEqual(golden.int32(`win${block}`).data);
      expect(lengths).toEqual(golden.int32(`win${block}_len`).data);
    }
  });

  for (const [size, shift] of [
    [8, 0],
    [8, 4],
    [5, 2],
    [1, 0],
    [64, 32],
    [3, 1],
  ] as const) {
    it(`lets voxels of one window of ${size} shifted by ${shift} attend, and no others`, () => {
      const voxels = randomVoxels(420, 20, size);
      const partition = bucketed(windowGroups(voxels, size, shift), WINDOW_BUCKETS);
      expect(partition.buckets.length).toBe(4);
      const cellOf = rowsOf(voxels).map((xyz) => xyz.map((value) => Math.floor((value + shift) / size)).join());
      for (let row = 0; row < 420; row++) {
        const result = resultOf(partition, row);
        expect(result.row).toBe(row);
        const together = cellOf.flatMap((cell, other) => (cell === cellOf[row] ? [other] : []));
        expect(result.group.sort((a, b) => a - b)).toEqual(together);
      }
    });
  }
});

describe('buckets', () => {
  it('are never worse than any other choice of capacities', () => {
    const random = seededRandom(77);
    for (let round = 0; round < 30; round++) {
      const lengths = Int32Array.from({ length: 12 }, () => 1 + Math.floor(random() ** 2 * 40));
      const work = (capacities: number[]): number =>
        [...lengths].reduce((sum, length) => {
          const capacity = Math.min(...capacities.filter((value) => value >= length));
          return sum + capacity * (capacity + 32);
        }, 0);
      const longest = Math.max(...lengths);
      let best = Infinity;
      for (const a of lengths) for (const b of lengths) best = Math.min(best, work([a, b, longest]));
      const chosen = bucketCapacities(lengths, 3);
      expect(chosen.length).toBeLessThanOrEqual(3);
      expect(chosen.at(-1)).toBe(longest);
      expect(work(chosen)).toBe(best);
    }
  });

  it('fill up with a dummy group that gives no result', () => {
    const partition = bucketed(groupBy(Int32Array.of(0, 0, 0), Int32Array.of(3)), 4);
    expect(groupsOf(partition)).toEqual([[0, 1, 2], [0], [0], [0]]);
    expect(partition.back).toEqual(Int32Array.of(0, 1, 2));
  });
});

describe('curves', () => {
  it('follow the Hilbert curve of numpy-hilbert-curve 1.0.1', () => {
    // Values printed by that package for 3 dimensions of 10 bits.
    const known: [number, number, number, number][] = [
      [0, 0, 0, 0],
      [1, 0, 0, 7],
      [0, 1, 0, 3],
      [0, 0, 1, 1],
      [1023, 1023, 1023, 766958445],
      [1, 2, 3, 36],
      [512, 0, 7, 1011426541],
      [686, 824, 23, 590022929],
      [645, 292, 1003, 851921450],
      [152, 1023, 195, 493471074],
      [62, 11, 57, 142048],
    ];
    for (const [x, y, z, code] of known) {
      expect([...curvePositions(Int32Array.of(x, y, z), 'hilbert')]).toEqual([code]);
      expect([...curvePositions(Int32Array.of(y, x, z), 'hilbert-transposed')]).toEqual([code]);
    }
  });

  it('interleave bits with x in front in z-order', () => {
    const [code] = curvePositions(Int32Array.of(0b101, 0b011, 0b110), 'z-order');
    expect(code).toBe(0b101_011_110);
    expect(curvePositions(Int32Array.of(4, 2, 1), 'z-order', 16)).toEqual(
      curvePositions(Int32Array.of(20, 18, 17), 'z-order'),
    );
  });

  it('visit every cell once', () => {
    const cube = Int32Array.from({ length: 512 * 3 }, (_, i) => (Math.floor(i / 3) >> (3 * (2 - (i % 3)))) & 7);
    for (const curve of CURVES) expect(new Set(curvePositions(cube, curve)).size).toBe(512);
  });

  it('refuse a coordinate beyond 10 bits', () => {
    expect(() => curvePositions(Int32Array.of(1020, 0, 0), 'z-order', 16)).toThrow(
      expect.objectContaining({ code: 'BAD_VOXELS' }),
    );
  });
});

const serializedPartition = (voxels: Int32Array, how: Serialization) => bucketed(serializedGroups(voxels, how), 1);

describe('serializedGroups', () => {
  const base = { curve: 'z-order', size: 16, shiftSequence: 0, shiftWindow: 0 } as const;

  it('is one group of all voxels when they fit', () => {
    const partition = serializedPartition(randomVoxels(16, 9, 1), base);
    expect(groupsOf(partition).map((group) => group.length)).toEqual([16]);
    for (let row = 0; row < 16; row++) expect(resultOf(partition, row).row).toBe(row);
  });

  for (const count of [17, 100, 333]) {
    for (const how of [
      base,
      { ...base, shiftSequence: 8 },
      { ...base, shiftWindow: 16, size: 13 },
      { ...base, curve: 'hilbert', size: 7 },
    ] as const) {
      it(`groups ${count} voxels by ${how.curve}, size ${how.size}, shifts ${how.shiftSequence}, ${how.shiftWindow}`, () => {
        const voxels = randomVoxels(count, 30, count);
        const partition = serializedPartition(voxels, how);
        const positions = curvePositions(voxels, how.curve, how.shiftWindow);
        const ordered = Array.from({ length: count }, (_, row) => row).sort(
          (a, b) => (positions[a] as number) - (positions[b] as number),
        );
        const rank = new Map(ordered.map((row, at) => [row, at]));
        expect(groupsOf(partition).length).toBe(Math.ceil(count / how.size));
        for (const group of groupsOf(partition)) {
          // Consecutive on the closed curve, nobody twice.
          expect(new Set(group).size).toBe(how.size);
          for (let i = 1; i < group.length; i++) {
            expect(
              ((rank.get(group[i] as number) as number) - (rank.get(group[i - 1] as number) as number) + count) % count,
            ).toBe(1);
          }
        }
        for (let row = 0; row < count; row++) {
          const result = resultOf(partition, row);
          expect(result.row).toBe(row);
          // The voxel is taken from the group whose middle it is nearest to: never from its outer overlap.
          const at = result.group.indexOf(row);
          const overlap = (how.size - count / Math.ceil(count / how.size)) / 2;
          expect(at).toBeGreaterThanOrEqual(Math.floor(overlap));
          expect(at).toBeLessThanOrEqual(how.size - Math.floor(overlap));
        }
      });
    }
  }
});
