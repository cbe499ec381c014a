/**
 * Active voxels of one sparse tensor: an `Int32Array` [N, 3] of (x, y, z), z fastest where an order is named.
 *
 * The published code writes a batch number in front of every voxel; a job is one sample, so that column is
 * checked and dropped at the edge. Coordinates lie in [0, 1023], the range TRELLIS' sparse tensors document.
 */
import { TerminalError } from '@espalier/contracts';
import { int32, type Tensor } from '@espalier/tensors';

export const MAX_COORDINATE = 1023;

/** Axis-aligned box around voxels, both ends included. */
export interface VoxelBounds {
  readonly min: readonly [number, number, number];
  readonly max: readonly [number, number, number];
}

export function voxelCount(voxels: Int32Array): number {
  return voxels.length / 3;
}

/** One number below 2^30 per voxel; ascending keys are the lexicographic order of (x, y, z). */
export function voxelKey(x: number, y: number, z: number): number {
  return (x << 20) | (y << 10) | z;
}

/**
 * Drops the batch column.
 *
 * @param coords I32 [N, 4] of (batch, x, y, z).
 * @param resolution Extent of the grid on every axis.
 * @returns [N, 3], same order.
 * @throws TerminalError `BAD_VOXELS` when there is no voxel, or one lies in another batch or outside the grid.
 */
export function voxelsFromCoords(coords: Tensor<Int32Array>, resolution = MAX_COORDINATE + 1): Int32Array {
  const [rows = 0, columns] = coords.shape;
  if (coords.shape.length !== 2 || columns !== 4) throw bad(`coords must be [N, 4], got [${coords.shape.join(', ')}]`);
  if (rows === 0) throw bad('coords hold no voxel: there is nothing to work on');
  const limit = Math.min(resolution, MAX_COORDINATE + 1);
  const voxels = new Int32Array(rows * 3);
  for (let row = 0; row < rows; row++) {
    if (coords.data[row * 4] !== 0)
      throw bad(`coords[${row}] is of batch ${coords.data[row * 4]}, only batch 0 is run`);
    for (let axis = 0; axis < 3; axis++) {
      const value = coords.data[row * 4 + 1 + axis] as number;
      if (value < 0 || value >= limit) {
        throw bad(`coords[${row}] has ${'xyz'.charAt(axis)} = ${value}, outside [0, ${limit})`);
      }
      voxels[row * 3 + axis] = value;
    }
  }
  return voxels;
}

/** Puts batch 0 in front of every voxel: I32 [N, 4]. */
export function coordsFromVoxels(voxels: Int32Array): Tensor<Int32Array> {
  const rows = voxelCount(voxels);
  const coords = new Int32Array(rows * 4);
  for (let row = 0; row < rows; row++) {
    coords[row * 4 + 1] = voxels[row * 3] as number;
    coords[row * 4 + 2] = voxels[row * 3 + 1] as number;
    coords[row * 4 + 3] = voxels[row * 3 + 2] as number;
  }
  return int32([rows, 4], coords);
}

/** @throws TerminalError `BAD_VOXELS` when there is no voxel. */
export function boundsOf(voxels: Int32Array): VoxelBounds {
  if (voxels.length === 0) throw bad('no voxels: there is nothing to bound');
  let [x0, y0, z0] = [Infinity, Infinity, Infinity];
  let [x1, y1, z1] = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < voxels.length; i += 3) {
    const x = voxels[i] as number;
    const y = voxels[i + 1] as number;
    const z = voxels[i + 2] as number;
    if (x < x0) x0 = x;
    if (x > x1) x1 = x;
    if (y < y0) y0 = y;
    if (y > y1) y1 = y;
    if (z < z0) z0 = z;
    if (z > z1) z1 = z;
  }
  return { min: [x0, y0, z0], max: [x1, y1, z1] };
}

function bad(message: string): TerminalError {
  return new TerminalError(message, { code: 'BAD_VOXELS', field: 'coords' });
}
