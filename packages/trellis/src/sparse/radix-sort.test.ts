import { expect, it } from 'vitest';
import { seededRandom } from '../../test/support/random-voxels.ts';
import { ascending } from './radix-sort.ts';

it('orders rows by their keys, equal keys as they came, for keys of any size', () => {
  const random = seededRandom(41);
  for (const bits of [0, 1, 5, 10, 11, 20, 21, 30, 31]) {
    const keys = Int32Array.from({ length: 500 }, () => Math.floor(random() ** 2 * 2 ** bits));
    const expected = [...keys.keys()].sort((a, b) => (keys[a] as number) - (keys[b] as number) || a - b);
    expect([...ascending(keys)]).toEqual(expected);
  }
  expect(ascending(new Int32Array(0))).toEqual(new Int32Array(0));
});
