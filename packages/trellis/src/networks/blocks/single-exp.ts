/**
 * `exp` in float32, with the rounding errors of the original.
 *
 * The frequencies of the time features are made by torch's vectorised `exp`, which is SLEEF's `expf` (1.0 ULP,
 * https://sleef.org, Shibata & Petrogalli 2020): range reduction by ln 2 in two parts, then a polynomial of degree 6 in
 * fused multiply-adds. One unit in the last place of a frequency, at an argument of 1000 rad, moves a feature by 3e-5,
 * thirty times what float32 should lose in the layers behind it; hence the same steps here.
 */

const LOG2_E = Math.fround(Math.LOG2E);
const LN2_HIGH = Math.fround(0.693145751953125);
const LN2_LOW = Math.fround(1.428606765330187e-6);
/** Highest power first. */
const POLYNOMIAL = [
  0.00019852761761285365, 0.0013930435525253415, 0.008333360776305199, 0.041666485369205475, 0.1666666716337204, 0.5,
].map(Math.fround);

/** `a * b + c`, rounded once: the product of two float32 is exact in float64. */
function fusedMultiplyAdd(a: number, b: number, c: number): number {
  return Math.fround(a * b + c);
}

/** @param x A float32 value in [-80, 80]. */
export function singleExp(x: number): number {
  const power = Math.round(Math.fround(x * LOG2_E));
  const rest = fusedMultiplyAdd(power, -LN2_LOW, fusedMultiplyAdd(power, -LN2_HIGH, x));
  const sum = POLYNOMIAL.reduce((u, coefficient) => fusedMultiplyAdd(u, rest, coefficient), 0);
  const tail = fusedMultiplyAdd(Math.fround(rest * rest), sum, rest);
  return Math.fround(1 + tail) * 2 ** power;
}
