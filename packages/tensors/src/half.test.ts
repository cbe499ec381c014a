import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from './half.ts';

const everyPattern = Uint16Array.from({ length: 65536 }, (_, bits) => bits);
const notNaN = (value: number) => !Number.isNaN(value);

/** Brute force: the neighbours of `value` among all finite 16-bit values, the nearest, ties to the even pattern. */
function nearest(value: number, values: Float32Array, infinityFrom: number): number {
  if (Math.abs(value) >= infinityFrom) {
    return value < 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  let best = 0;
  for (let bits = 0; bits < 65536; bits++) {
    const candidate = values[bits] as number;
    if (!Number.isFinite(candidate)) continue;
    const gain = Math.abs((values[best] as number) - value) - Math.abs(candidate - value);
    if (gain > 0 || (gain === 0 && bits % 2 === 0 && best % 2 === 1)) {
      best = bits;
    }
  }
  return values[best] as number;
}

describe('half', () => {
  it('widens known values', () => {
    const bits = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x0400, 0x7c00, 0xfc00, 0x3555);
    expect([...halfToFloat(bits)]).toEqual([
      1,
      -2,
      65504,
      2 ** -24,
      2 ** -14,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0.333251953125,
    ]);
    expect(Object.is(halfToFloat(Uint16Array.of(0x8000))[0], -0)).toBe(true);
  });

  it('returns every pattern unchanged from a round trip', () => {
    const back = floatToHalf(halfToFloat(everyPattern));
    const wrong = everyPattern.filter(
      (bits, i) =>
        back[i] !== bits && ((bits & 0x7fff) <= 0x7c00 || notNaN(halfToFloat(back.subarray(i, i + 1))[0] as number)),
    );
    expect([...wrong]).toEqual([]);
  });

  it('rounds to the nearest, ties to even', () => {
    const values = halfToFloat(everyPattern);
    const ties = [1 + 2 ** -11, 1 + 3 * 2 ** -11, 2 ** -25, 3 * 2 ** -25, 65519.996, 65520, 6.1e-5, -2049, -2051];
    const check = (value: number) =>
      expect((halfToFloat(floatToHalf(Float32Array.of(value)))[0] as number) + 0).toBe(
        nearest(value, values, 65520) + 0,
      );
    for (const tie of ties) check(Math.fround(tie));
    fc.assert(
      fc.property(fc.float({ min: -70000, max: 70000, noNaN: true }), (value) => void check(value || 0)),
      {
        numRuns: 60,
      },
    );
  });
});

describe('bfloat16', () => {
  it('returns every pattern unchanged from a round trip', () => {
    const back = floatToBfloat16(bfloat16ToFloat(everyPattern));
    const wrong = everyPattern.filter((bits, i) => back[i] !== bits && (bits & 0x7fff) <= 0x7f80);
    expect([...wrong]).toEqual([]);
    expect(notNaN(bfloat16ToFloat(floatToBfloat16(Float32Array.of(Number.NaN)))[0] as number)).toBe(false);
  });

  it('rounds to the nearest, ties to even', () => {
    const one = (value: number) => floatToBfloat16(Float32Array.of(value))[0];
    expect(one(1 + 2 ** -8)).toBe(0x3f80);
    expect(one(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(one(1 + 2 ** -8 + 2 ** -20)).toBe(0x3f81);
    expect(one(-3.4e38)).toBe(0xff80);
    expect(one(3.3e38)).toBe(0x7f78);
  });
});
