/**
 * Space-filling curves that serialised attention orders voxels by: TRELLIS' `vox2seq` with 10 bits an axis.
 */
import { TerminalError } from '@espalier/contracts';
import { MAX_COORDINATE, voxelCount } from './voxels.ts';

/** In the order of TRELLIS' `SerializeModes`; "transposed" swaps x and y first. */
export const CURVES = ['z-order', 'z-order-transposed', 'hilbert', 'hilbert-transposed'] as const;
export type Curve = (typeof CURVES)[number];

const BITS = 10;

/**
 * Position of every voxel along a curve.
 *
 * @param shift Added to every coordinate first.
 * @returns [N] numbers in [0, 2^30).
 * @throws TerminalError `BAD_VOXELS` when a shifted coordinate needs more than 10 bits.
 */
export function curvePositions(voxels: Int32Array, curve: Curve, shift = 0): Int32Array {
  const transposed = curve.endsWith('transposed');
  const encode = curve.startsWith('hilbert') ? hilbert : interleave;
  const positions = new Int32Array(voxelCount(voxels));
  for (let row = 0; row < positions.length; row++) {
    const x = (voxels[row * 3] as number) + shift;
    const y = (voxels[row * 3 + 1] as number) + shift;
    const z = (voxels[row * 3 + 2] as number) + shift;
    if ((x | y | z) & ~MAX_COORDINATE) {
      throw new TerminalError(`voxel ${x},${y},${z} lies outside the curve's 10 bits an axis`, { code: 'BAD_VOXELS' });
    }
    positions[row] = transposed ? encode(y, x, z) : encode(x, y, z);
  }
  return positions;
}

/** Z-order (Morton) code: bits of a, b, c in turn, a in front. */
function interleave(a: number, b: number, c: number): number {
  return (spread(a) << 2) | (spread(b) << 1) | spread(c);
}

/** Puts two zeros between any two of the low 10 bits. */
function spread(value: number): number {
  let v = value & 0x3ff;
  v = (v | (v << 16)) & 0x030000ff;
  v = (v | (v << 8)) & 0x0300f00f;
  v = (v | (v << 4)) & 0x030c30c3;
  return (v | (v << 2)) & 0x09249249;
}

/** J. Skilling, "Programming the Hilbert curve", AIP Conf. Proc. 707 (2004): axes to transposed index, interleaved. */
function hilbert(a: number, b: number, c: number): number {
  const axes = [a, b, c] as [number, number, number];
  for (let bit = 1 << (BITS - 1); bit > 1; bit >>= 1) {
    const below = bit - 1;
    for (let axis = 0; axis < 3; axis++) {
      if ((axes[axis] as number) & bit) {
        axes[0] ^= below;
      } else {
        const swap = (axes[0] ^ (axes[axis] as number)) & below;
        axes[0] ^= swap;
        axes[axis] = (axes[axis] as number) ^ swap;
      }
    }
  }
  // Gray decode of the interleaved bits: every bit becomes the parity of itself and all bits in front of it.
  let code = interleave(axes[0], axes[1], axes[2]);
  for (let shift = 1; shift < 3 * BITS; shift <<= 1) code ^= code >> shift;
  return code;
}
