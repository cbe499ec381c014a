/**
 * 16-bit floats: IEEE 754 binary16 ("half", safetensors F16) and bfloat16 (BF16).
 *
 * Widening is exact. Narrowing rounds to nearest, ties to even, as PyTorch and numpy do; NaN stays NaN.
 */

const wordView = new Uint32Array(1);
const floatView = new Float32Array(wordView.buffer);

function bitsToFloat(bits: number): number {
  wordView[0] = bits;
  return floatView[0] as number;
}

let halfTable: Float32Array | undefined;

/** Value of every half bit pattern: 256 kB, made when first needed. */
function halfValues(): Float32Array {
  if (halfTable === undefined) {
    halfTable = new Float32Array(65536);
    for (let bits = 0; bits < 65536; bits++) {
      const sign = (bits & 0x8000) << 16;
      const exponent = (bits >> 10) & 0x1f;
      const fraction = bits & 0x3ff;
      if (exponent === 0) {
        halfTable[bits] = (sign === 0 ? 1 : -1) * fraction * 2 ** -24;
      } else if (exponent === 31) {
        halfTable[bits] = bitsToFloat((sign | 0x7f800000 | (fraction << 13)) >>> 0);
      } else {
        halfTable[bits] = bitsToFloat((sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0);
      }
    }
  }
  return halfTable;
}

/** Widens F16 bit patterns. */
export function halfToFloat(bits: Uint16Array): Float32Array {
  const values = halfValues();
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    out[i] = values[bits[i] as number] as number;
  }
  return out;
}

/** Narrows to F16 bit patterns; magnitudes from 65520 on become infinite. */
export function floatToHalf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    if (magnitude > 0x7f800000) {
      out[i] = sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
    } else if (magnitude >= 0x477ff000) {
      out[i] = sign | 0x7c00;
    } else if (magnitude >= 0x38800000) {
      // Re-bias the exponent, then round on the 13 bits that fall away: a carry runs into the exponent as it should.
      const rebiased = magnitude - 0x38000000;
      out[i] = sign | ((rebiased + 0xfff + ((rebiased >>> 13) & 1)) >>> 13);
    } else if (magnitude >= 0x33000000) {
      // Subnormal half: the integer nearest to |value| * 2^24.
      const shift = 126 - (magnitude >>> 23);
      const significand = (magnitude & 0x7fffff) | 0x800000;
      const kept = significand >>> shift;
      const rest = significand & ((1 << shift) - 1);
      const middle = 1 << (shift - 1);
      out[i] = sign | (rest > middle || (rest === middle && (kept & 1) === 1) ? kept + 1 : kept);
    } else {
      out[i] = sign;
    }
  }
  return out;
}

/** Widens BF16 bit patterns. */
export function bfloat16ToFloat(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    words[i] = (bits[i] as number) << 16;
  }
  return new Float32Array(words.buffer);
}

/** Narrows to BF16 bit patterns. */
export function floatToBfloat16(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    const notANumber = (word & 0x7fffffff) > 0x7f800000;
    out[i] = notANumber ? (word >>> 16) | 0x40 : (word + 0x7fff + ((word >>> 16) & 1)) / 65536;
  }
  return out;
}
