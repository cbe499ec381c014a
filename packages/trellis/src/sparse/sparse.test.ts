import { describe, expect, it } from 'vitest';
import { goldenCase } from '../../test/support/golden-case.ts';
import { randomVoxels, rowsOf } from '../../test/support/random-voxels.ts';
import {
  boundsOf,
  coordsFromVoxels,
  downsample,
  KERNEL_TAPS,
  neighbourTable,
  OCTANT_PARENT_TAPS,
  octantMerge,
  subdivide,
  subdivideNeighbours,
  subdivideTwice,
  VoxelHash,
  voxelsFromCoords,
} from './index.ts';

/** The definition, over a Map of strings. */
function neighboursByDefinition(voxels: Int32Array): Int32Array {
  const rows = rowsOf(voxels);
  const rowOf = new Map(rows.map((xyz, row) => [xyz.join(), row]));
  const table: number[] = [];
  for (const [x, y, z] of rows) {
    for (const dx of [-1, 0, 1]) {
      for (const dy of [-1, 0, 1]) {
        for (const dz of [-1, 0, 1]) table.push(rowOf.get([x + dx, y + dy, z + dz].join()) ?? rows.length);
      }
    }
  }
  return Int32Array.from(table);
}

describe('neighbourTable', () => {
  for (const layout of ['dense', 'hash'] as const) {
    for (const [count, extent] of [
      [1, 1],
      [27, 3],
      [300, 8],
      [700, 64],
      [400, 1024],
    ] as const) {
      it(`finds ${count} voxels of ${extent}^3 by ${layout}`, () => {
        const voxels = randomVoxels(count, layout === 'dense' ? Math.min(extent, 200) : extent, count);
        expect(neighbourTable(voxels, layout)).toEqual(neighboursByDefinition(voxels));
      });
    }
  }

  it('takes the hash for voxels too scattered for a grid, with the same result', () => {
    const voxels = Int32Array.of(0, 0, 0, 1023, 1023, 1023, 0, 0, 1, 1023, 1022, 1023);
    expect(neighbourTable(voxels)).toEqual(neighboursByDefinition(voxels));
  });

  it('is empty for no voxels', () => {
    expect(neighbourTable(new Int32Array(0))).toEqual(new Int32Array(0));
  });
});

describe('VoxelHash', () => {
  it('finds every voxel and nothing else', () => {
    const voxels = randomVoxels(5000, 40, 3);
    const hash = new VoxelHash(voxels);
    const rowOf = new Map(rowsOf(voxels).map((xyz, row) => [xyz.join(), row]));
    for (let x = -1; x <= 40; x++) {
      for (let y = -1; y <= 40; y++) {
        for (let z = -1; z <= 40; z++) expect(hash.rowOf(x, y, z, -7)).toBe(rowOf.get([x, y, z].join()) ?? -7);
      }
    }
    expect(hash.rowOf(1024, 0, 0, -7)).toBe(-7);
  });
});

describe('downsample', () => {
  it('gives the coarse voxels of the reference run, in its order', async () => {
    const golden = await goldenCase('slat_flow');
    const { voxels, children, parents, scale } = downsample(voxelsFromCoords(golden.int32('coords')));
    expect(coordsFromVoxels(voxels)).toEqual(golden.int32('coarse_coords'));
    expect(parents.length).toBe(912);
    expect(children.length).toBe(296 * 8);
    expect(scale.length).toBe(296);
  });

  for (const [count, extent] of [
    [1, 4],
    [500, 12],
    [900, 64],
    [300, 1024],
  ] as const) {
    it(`relates ${count} voxels of ${extent}^3 to their parents`, () => {
      const voxels = randomVoxels(count, extent, 11 * count);
      const { voxels: coarse, parents, children, scale } = downsample(voxels);
      const wanted = new Map<string, number[]>();
      for (const [row, xyz] of rowsOf(voxels).entries()) {
        const key = xyz.map((value) => Math.floor(value / 2)).join();
        wanted.set(key, [...(wanted.get(key) ?? []), row]);
      }
      const ordered = [...wanted.keys()]
        .map((key) => key.split(',').map(Number) as [number, number, number])
        .sort((a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
      expect(rowsOf(coarse)).toEqual(ordered);
      for (const [parent, xyz] of ordered.entries()) {
        const members = wanted.get(xyz.join()) as number[];
        const held = [...children.subarray(parent * 8, parent * 8 + 8)];
        expect(held).toEqual([...members, ...Array(8 - members.length).fill(count)]);
        expect(scale[parent]).toBe(Math.fround(1 / (members.length + 1)));
        for (const member of members) expect(parents[member]).toBe(parent);
      }
    });
  }

  it('refuses a voxel that stands nine times', () => {
    expect(() => downsample(Int32Array.from({ length: 27 }, () => 3))).toThrow(/stands twice/);
  });
});

describe('subdivide', () => {
  it('gives the voxels of the reference run, in its order', async () => {
    const golden = await goldenCase('mesh_decoder');
    const once = subdivide(voxelsFromCoords(golden.int32('coords')));
    expect(coordsFromVoxels(once)).toEqual(golden.int32('up_coords'));
    expect(coordsFromVoxels(subdivide(once))).toEqual(golden.int32('out_coords'));
  });

  it('gives the same twice as once and once more', () => {
    const voxels = randomVoxels(90, 40, 12);
    const once = rowsOf(voxels).flatMap(([x, y, z]) =>
      Array.from({ length: 8 }, (_, o) => [2 * x + (o >> 2), 2 * y + ((o >> 1) & 1), 2 * z + (o & 1)]),
    );
    expect(rowsOf(subdivide(voxels))).toEqual(once);
    expect(subdivideTwice(voxels)).toEqual(subdivide(subdivide(voxels)));
  });

  it('derives the neighbours of children from those of their parents, whole and by ranges', () => {
    const voxels = randomVoxels(230, 9, 5);
    const table = neighbourTable(voxels);
    const expected = neighboursByDefinition(subdivide(voxels));
    expect(subdivideNeighbours(table, 0, 230, new Int32Array(230 * 8 * KERNEL_TAPS))).toEqual(expected);
    const part = subdivideNeighbours(table, 40, 93, new Int32Array(53 * 8 * KERNEL_TAPS));
    expect(part).toEqual(expected.subarray(40 * 8 * KERNEL_TAPS, 93 * 8 * KERNEL_TAPS));
    expect(() => subdivideNeighbours(table, 0, 2, new Int32Array(10))).toThrow(/432 are needed/);
  });

  it('merges kernel taps so that each child needs eight parents', () => {
    const voxels = randomVoxels(60, 5, 8);
    const parents = neighbourTable(voxels);
    const children = subdivideNeighbours(parents, 0, 60, new Int32Array(60 * 8 * KERNEL_TAPS));
    const merge = octantMerge();
    const kernel = Array.from({ length: KERNEL_TAPS }, (_, tap) => 2 ** tap);
    const feature = (row: number): number => (row === 60 ? 0 : 1 + row * 3);
    for (let parent = 0; parent < 60; parent++) {
      for (let octant = 0; octant < 8; octant++) {
        const child = (parent * 8 + octant) * KERNEL_TAPS;
        const plain = kernel.reduce((sum, weight, tap) => {
          const row = children[child + tap] as number;
          return sum + weight * (row === 480 ? 0 : feature(row >> 3));
        }, 0);
        let merged = 0;
        for (let slot = 0; slot < 8; slot++) {
          const weights = merge.subarray((octant * 8 + slot) * KERNEL_TAPS, (octant * 8 + slot + 1) * KERNEL_TAPS);
          const weight = kernel.reduce((sum, value, tap) => sum + value * (weights[tap] as number), 0);
          merged +=
            weight *
            feature(parents[parent * KERNEL_TAPS + (OCTANT_PARENT_TAPS[octant * 8 + slot] as number)] as number);
        }
        expect(merged).toBe(plain);
      }
    }
  });
});

describe('voxelsFromCoords', () => {
  const coords = (values: number[], shape = [values.length / 4, 4]) =>
    ({ dtype: 'I32', shape, data: Int32Array.from(values) }) as const;

  it('drops and restores the batch column', () => {
    const voxels = voxelsFromCoords(coords([0, 1, 2, 3, 0, 63, 0, 5]), 64);
    expect([...voxels]).toEqual([1, 2, 3, 63, 0, 5]);
    expect(coordsFromVoxels(voxels)).toEqual(coords([0, 1, 2, 3, 0, 63, 0, 5]));
    expect(boundsOf(voxels)).toEqual({ min: [1, 0, 3], max: [63, 2, 5] });
  });

  for (const [what, value] of [
    ['no voxel', coords([], [0, 4])],
    ['another batch', coords([0, 1, 1, 1, 1, 2, 2, 2])],
    ['z = 64, outside', coords([0, 1, 1, 64])],
    ['x = -1, outside', coords([0, -1, 1, 4])],
    ['[N, 4]', coords([1, 2, 3], [1, 3])],
  ] as const) {
    it(`names what is wrong: ${what}`, () => {
      expect(() => voxelsFromCoords(value, 64)).toThrow(
        expect.objectContaining({
          code: 'BAD_VOXELS',
          message: expect.stringContaining(what.replace('another', 'of')),
        }),
      );
    });
  }
});
