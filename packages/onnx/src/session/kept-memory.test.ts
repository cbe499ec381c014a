import { expect, it } from 'vitest';
import { KeptMemory } from './kept-memory.ts';

it('keeps what is large enough, and gives away none of it', () => {
  const kept = new KeptMemory();
  const first = kept.take('y', 8).fill(7);
  expect(kept.take('y', 4).buffer).toBe(first.buffer);
  expect(kept.take('z', 4).buffer).not.toBe(first.buffer);
  const own = kept.own(first);
  expect(own).toEqual(new Uint8Array(8).fill(7));
  first.fill(0);
  expect(own[0]).toBe(7);
  const other = Uint8Array.of(1, 2);
  expect(kept.own(other)).toBe(other);
  expect(kept.take('y', 16).byteLength).toBe(16);
  kept.release();
  expect(kept.take('y', 8).buffer).not.toBe(first.buffer);
});
