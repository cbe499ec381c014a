/**
 * The judge of shapes: an object is of the category of its nearest reference, by volumetric intersection over union of
 * occupied voxels. Objects are pose-aligned by construction, so no alignment is searched for.
 */
import type { Occupancies } from './captions.ts';

const WORDS = 1024;

/** Bits of one word that are set. */
function popcount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return (((v + (v >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}

/** voxels [N, 3] of the 32^3 grid -> one bit each. */
export function occupancyBits(voxels: Int16Array): Uint32Array {
  const bits = new Uint32Array(WORDS);
  for (let i = 0; i < voxels.length; i += 3) {
    const [x = 0, y = 0, z = 0] = voxels.subarray(i, i + 3);
    const index = (x * 32 + y) * 32 + z;
    bits[index >>> 5] = (bits[index >>> 5] ?? 0) | (1 << (index & 31));
  }
  return bits;
}

/** Intersection over union of two occupancies. */
export function iou(a: Uint32Array, b: Uint32Array): number {
  let both = 0;
  let either = 0;
  for (let i = 0; i < WORDS; i++) {
    const x = a[i] as number; // i < WORDS
    const y = b[i] as number;
    both += popcount(x & y);
    either += popcount(x | y);
  }
  return either === 0 ? 0 : both / either;
}

export interface Verdict {
  readonly category: string;
  readonly iou: number;
  /** Nearest IoU among the references of `expected`. */
  readonly ownIou: number;
}

export function nearest(object: Uint32Array, references: Occupancies, expected: string): Verdict {
  let best = { category: '', iou: -1 };
  let ownIou = 0;
  for (const [i, category] of references.categories.entries()) {
    const value = iou(object, references.bits.subarray(i * WORDS, (i + 1) * WORDS));
    if (value > best.iou) best = { category, iou: value };
    if (category === expected && value > ownIou) ownIou = value;
  }
  return { ...best, ownIou };
}

/** Share of true objects that the judge puts into their own category: no model can be expected to do better. */
export function ceiling(fresh: Occupancies, references: Occupancies): { accuracy: number; iou: number } {
  let right = 0;
  let sum = 0;
  for (const [i, category] of fresh.categories.entries()) {
    const verdict = nearest(fresh.bits.subarray(i * WORDS, (i + 1) * WORDS), references, category);
    if (verdict.category === category) right += 1;
    sum += verdict.iou;
  }
  return { accuracy: right / fresh.categories.length, iou: sum / fresh.categories.length };
}
