import { expect, it } from 'vitest';
import { backOffSeconds } from '../src/index.ts';

it('doubles from 5 s to 900 s and keeps at least half', () => {
  const longest = Array.from({ length: 10 }, (_unused, n) => backOffSeconds(n + 1, { random: () => 1 }));
  expect(longest).toEqual([5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
  expect(backOffSeconds(3, { random: () => 0 })).toBe(10);
  expect(backOffSeconds(1_000_000)).toBeLessThanOrEqual(900);
  expect(backOffSeconds(0, { random: () => 1 })).toBe(5);
});
