import { describe, expect, it } from 'vitest';
import { shareArrays } from './shared-arrays.ts';

describe('shareArrays', () => {
  it('copies typed arrays into shared memory and leaves everything else as it is', () => {
    const all = Float32Array.of(1, 2, 3, 4);
    const value = { part: all.subarray(1, 3), list: [1, [2, { deep: Uint8Array.of(7) }]], text: 'a', none: null };
    const shared = shareArrays(value);
    expect(shared).toEqual(value);
    expect(shared.part.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(shared.part.byteLength).toBe(8);
    expect(shareArrays(shared).part).toBe(shared.part);
    all[1] = 9;
    expect([...shared.part]).toEqual([2, 3]);
  });
});
