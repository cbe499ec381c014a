import { describe, expect, it } from 'vitest';
import { randomVoxels, rowsOf } from '../../test/support/random-voxels.ts';
import { packedGroups, serializedGroups, windowGroups } from './index.ts';

/** Windows in lexicographic order with their members, over a Map of strings. */
function windowsByDefinition(voxels: Int32Array, size: number, shift: number): number[][] {
  const members = new Map<string, { window: number[]; rows: number[] }>();
  for (const [row, xyz] of rowsOf(voxels).entries()) {
    const window = xyz.map((value) => Math.floor((value + shift) / size));
    const found = members.get(window.join()) ?? { window, rows: [] };
    members.set(window.join(), found);
    found.rows.push(row);
  }
  const order = (a: number[], b: number[]) => a.map((value, axis) => value - (b[axis] as number)).find(Boolean) ?? 0;
  return [...members.values()].sort((a, b) => order(a.window, b.window)).map(({ rows }) => rows);
}

describe('packed groups', () => {
  for (const [size, extent] of [
    [8, 20],
    [5, 17],
    [3, 9],
    [1, 12],
    [64, 20],
    [7, 1024],
  ] as const) {
    for (const shift of [0, Math.floor(size / 2)]) {
      it(`are the windows of ${size} of ${extent}^3, shifted by ${shift}`, () => {
        const voxels = randomVoxels(420, extent, size + shift);
        const groups = windowsByDefinition(voxels, size, shift);
        const capacity = Math.max(...groups.map(({ length }) => length));
        const rows = groups.flat();
        const grid = groups.flatMap(({ length }, g) =>
          Array.from({ length: capacity }, (_, slot) => ({ place: g * capacity + slot, empty: slot >= length })),
        );
        const placed = (empty: boolean) => grid.filter((cell) => cell.empty === empty).map(({ place }) => place);
        expect(packedGroups(windowGroups(voxels, size, shift))).toEqual({
          rows: Int32Array.from(rows),
          starts: Int32Array.from([0, ...groups.map((_, g) => groups.slice(0, g + 1).flat().length)]),
          places: Int32Array.from([...placed(false), ...placed(true)]),
          back: Int32Array.from({ length: 420 }, (_, row) => rows.indexOf(row)),
          groups: groups.length,
          capacity,
        });
      });
    }
  }

  it('are spans of a curve, which overlap', () => {
    const how = { curve: 'z-order', size: 16, shiftSequence: 8, shiftWindow: 0 } as const;
    const spans = serializedGroups(randomVoxels(100, 12, 5), how);
    const packed = packedGroups(spans);
    expect(packed).toMatchObject({ ...spans, groups: 7, capacity: 16 });
    expect(packed.places).toEqual(Int32Array.from({ length: 7 * 16 }, (_, place) => place));
    for (let row = 0; row < 100; row++) expect(packed.rows[packed.back[row] as number]).toBe(row);
  });
});
