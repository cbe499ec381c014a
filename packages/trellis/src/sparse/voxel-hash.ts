import { voxelCount, voxelKey } from './voxels.ts';

/**
 * Row number by voxel, for grids too large and too empty to lay out densely.
 *
 * Open addressing with linear probing over two typed arrays, at most half full: 16 bytes a voxel or less than
 * 33, no object per entry.
 */
export class VoxelHash {
  readonly #keys: Int32Array;
  readonly #rows: Int32Array;
  readonly #mask: number;
  readonly #shift: number;

  /** @param voxels [N, 3]; of equal voxels the last row wins. */
  constructor(voxels: Int32Array) {
    const rows = voxelCount(voxels);
    const bits = Math.max(4, Math.ceil(Math.log2(Math.max(1, rows * 2))));
    this.#mask = 2 ** bits - 1;
    this.#shift = 32 - bits;
    this.#keys = new Int32Array(2 ** bits).fill(-1);
    this.#rows = new Int32Array(2 ** bits);
    for (let row = 0; row < rows; row++) {
      const x = voxels[row * 3] as number;
      const y = voxels[row * 3 + 1] as number;
      const z = voxels[row * 3 + 2] as number;
      const slot = this.#slotOf(voxelKey(x, y, z));
      this.#keys[slot] = voxelKey(x, y, z);
      this.#rows[slot] = row;
    }
  }

  /** Row of voxel (x, y, z), or `missing`. Coordinates just outside [0, 1023] are allowed and missing. */
  rowOf(x: number, y: number, z: number, missing: number): number {
    if ((x | y | z) & ~1023) return missing;
    const key = voxelKey(x, y, z);
    const slot = this.#slotOf(key);
    return this.#keys[slot] === key ? (this.#rows[slot] as number) : missing;
  }

  #slotOf(key: number): number {
    // Fibonacci hashing: the high bits of key * 2^32/phi spread neighbouring keys over the table.
    let slot = (Math.imul(key, 0x9e3779b1) >>> this.#shift) & this.#mask;
    while (this.#keys[slot] !== -1 && this.#keys[slot] !== key) slot = (slot + 1) & this.#mask;
    return slot;
  }
}
