import { VoxelHash } from './voxel-hash.ts';
import { boundsOf, voxelCount } from './voxels.ts';

/** Taps of a 3x3x3 kernel. Tap `((dx+1)*3 + (dy+1))*3 + (dz+1)` looks at the voxel displaced by (dx, dy, dz). */
export const KERNEL_TAPS = 27;
export const CENTRE_TAP = 13;

/** Cells (4 bytes each) up to which a dense grid is laid out whatever the number of voxels; above, 16 a voxel. */
const DENSE_CELLS = 2 ** 25;

/**
 * Who stands where around every voxel, for a 3x3x3 submanifold convolution.
 *
 * A padded dense grid over the voxels' own box where it pays, a typed hash beyond: for 1.28 million voxels at
 * 256^3 the grid is about five times as fast.
 *
 * @param voxels [N, 3], no voxel twice.
 * @returns [N, 27]: row of the voxel at each tap, N where there is none (row N of a feature buffer is zeros).
 */
export function neighbourTable(voxels: Int32Array, layout: 'auto' | 'dense' | 'hash' = 'auto'): Int32Array {
  const rows = voxelCount(voxels);
  if (rows === 0) return new Int32Array(0);
  const { min, max } = boundsOf(voxels);
  const cells = (max[0] - min[0] + 3) * (max[1] - min[1] + 3) * (max[2] - min[2] + 3);
  const dense = layout === 'auto' ? cells <= Math.max(DENSE_CELLS, rows * 16) : layout === 'dense';
  return dense ? fromDenseGrid(voxels) : fromHash(voxels);
}

function fromDenseGrid(voxels: Int32Array): Int32Array {
  const rows = voxelCount(voxels);
  const { min, max } = boundsOf(voxels);
  // One empty layer on every side, so that no tap of any voxel leaves the grid.
  const strideY = max[2] - min[2] + 3;
  const strideX = (max[1] - min[1] + 3) * strideY;
  const origin = (1 - min[0]) * strideX + (1 - min[1]) * strideY + 1 - min[2];
  const grid = new Int32Array((max[0] - min[0] + 3) * strideX).fill(rows);
  for (let row = 0, i = 0; row < rows; row++, i += 3) {
    grid[(voxels[i] as number) * strideX + (voxels[i + 1] as number) * strideY + (voxels[i + 2] as number) + origin] =
      row;
  }
  const table = new Int32Array(rows * KERNEL_TAPS);
  for (let row = 0, i = 0, out = 0; row < rows; row++, i += 3) {
    const centre =
      (voxels[i] as number) * strideX + (voxels[i + 1] as number) * strideY + (voxels[i + 2] as number) + origin;
    for (let dx = -1; dx <= 1; dx++) {
      for (let dy = -1; dy <= 1; dy++, out += 3) {
        const cell = centre + dx * strideX + dy * strideY;
        table[out] = grid[cell - 1] as number;
        table[out + 1] = grid[cell] as number;
        table[out + 2] = grid[cell + 1] as number;
      }
    }
  }
  return table;
}

function fromHash(voxels: Int32Array): Int32Array {
  const rows = voxelCount(voxels);
  const hash = new VoxelHash(voxels);
  const table = new Int32Array(rows * KERNEL_TAPS).fill(rows);
  for (let row = 0, i = 0; row < rows; row++, i += 3) {
    const x = voxels[i] as number;
    const y = voxels[i + 1] as number;
    const z = voxels[i + 2] as number;
    // The kernel is symmetric: whoever is my tap t has me as its tap 26 - t, so half of the look-ups do.
    for (let tap = 0; tap < CENTRE_TAP; tap++) {
      const other = hash.rowOf(x + Math.floor(tap / 9) - 1, y + (Math.floor(tap / 3) % 3) - 1, z + (tap % 3) - 1, rows);
      if (other === rows) continue;
      table[row * KERNEL_TAPS + tap] = other;
      table[other * KERNEL_TAPS + (KERNEL_TAPS - 1 - tap)] = row;
    }
    table[row * KERNEL_TAPS + CENTRE_TAP] = row;
  }
  return table;
}
