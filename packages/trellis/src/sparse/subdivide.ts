import { KERNEL_TAPS } from './neighbours.ts';

/** Children of a voxel. Child `4*ox + 2*oy + oz` of p stands at 2p + (ox, oy, oz). */
export const OCTANTS = 8;

/**
 * Splits every voxel into its eight children.
 *
 * @returns [8N, 3]: eight consecutive rows per parent, z fastest.
 */
export function subdivide(voxels: Int32Array): Int32Array {
  const children = new Int32Array(voxels.length * OCTANTS);
  for (let i = 0; i < voxels.length; i += 3) {
    const x = (voxels[i] as number) * 2;
    const y = (voxels[i + 1] as number) * 2;
    const z = (voxels[i + 2] as number) * 2;
    writeChildren(children, i * OCTANTS, x, y, z);
  }
  return children;
}

/** As `subdivide(subdivide(voxels))`, without the voxels in between: [64N, 3]. */
export function subdivideTwice(voxels: Int32Array): Int32Array {
  const children = new Int32Array(voxels.length * OCTANTS ** 2);
  for (let i = 0, at = 0; i < voxels.length; i += 3) {
    const x = (voxels[i] as number) * 4;
    const y = (voxels[i + 1] as number) * 4;
    const z = (voxels[i + 2] as number) * 4;
    for (let octant = 0; octant < OCTANTS; octant++, at += OCTANTS * 3) {
      writeChildren(children, at, x + (octant >> 2) * 2, y + ((octant >> 1) & 1) * 2, z + (octant & 1) * 2);
    }
  }
  return children;
}

/** The eight voxels from (x, y, z) on, z fastest. */
function writeChildren(out: Int32Array, from: number, x: number, y: number, z: number): void {
  for (let pair = 0, at = from; pair < 4; pair++, at += 6) {
    out[at] = x + (pair >> 1);
    out[at + 1] = y + (pair & 1);
    out[at + 2] = z;
    out[at + 3] = x + (pair >> 1);
    out[at + 4] = y + (pair & 1);
    out[at + 5] = z + 1;
  }
}

/**
 * Where a child's tap lands: parent tap * 8 + octant, [8 octants, 27 taps].
 *
 * Stepping from child o by d reaches position o + d in {-1, .., 2} of the parent's frame: the parent displaced
 * by floor((o + d) / 2), and in it the octant (o + d) mod 2.
 */
export const CHILD_STEPS = childSteps();

function childSteps(): Int32Array {
  const steps = new Int32Array(OCTANTS * KERNEL_TAPS);
  for (let octant = 0; octant < OCTANTS; octant++) {
    for (let tap = 0; tap < KERNEL_TAPS; tap++) {
      const x = (octant >> 2) + Math.floor(tap / 9) - 1;
      const y = ((octant >> 1) & 1) + (Math.floor(tap / 3) % 3) - 1;
      const z = (octant & 1) + (tap % 3) - 1;
      const parentTap = ((x >> 1) + 1) * 9 + ((y >> 1) + 1) * 3 + (z >> 1) + 1;
      steps[octant * KERNEL_TAPS + tap] = parentTap * OCTANTS + ((x & 1) << 2) + ((y & 1) << 1) + (z & 1);
    }
  }
  return steps;
}

/**
 * The neighbour table of subdivided voxels, derived from their parents' table: no grid of the finer resolution
 * is ever laid out, and any range of rows can be had by itself.
 *
 * @param parents [N, 27] neighbour table of the voxels before subdivision.
 * @param from First parent whose children are wanted.
 * @param to One past the last.
 * @param out Receives [8 * (to - from), 27]; missing neighbours are 8N.
 */
export function subdivideNeighbours(parents: Int32Array, from: number, to: number, out: Int32Array): Int32Array {
  const rows = parents.length / KERNEL_TAPS;
  const missing = rows * OCTANTS;
  const needed = (to - from) * OCTANTS * KERNEL_TAPS;
  if (out.length < needed) throw new RangeError(`out holds ${out.length} entries, ${needed} are needed`);
  for (let row = from, at = 0; row < to; row++) {
    const base = row * KERNEL_TAPS;
    for (let step = 0; step < OCTANTS * KERNEL_TAPS; step++, at++) {
      const target = CHILD_STEPS[step] as number;
      const parent = parents[base + (target >> 3)] as number;
      out[at] = parent === rows ? missing : parent * OCTANTS + (target & 7);
    }
  }
  return out;
}

/** Parent taps that any child of an octant reaches, [8 octants, 8]; {@link octantTaps} says which kernel taps fall on each. */
export const OCTANT_PARENT_TAPS = octantParentTaps();

function octantParentTaps(): Int32Array {
  const taps = new Int32Array(OCTANTS * 8);
  for (let octant = 0; octant < OCTANTS; octant++) {
    for (let slot = 0; slot < 8; slot++) {
      // Per axis an even child reaches the parents at -1 and 0, an odd one those at 0 and +1.
      const x = (octant >> 2) + (slot >> 2) - 1;
      const y = ((octant >> 1) & 1) + ((slot >> 1) & 1) - 1;
      const z = (octant & 1) + (slot & 1) - 1;
      taps[octant * 8 + slot] = (x + 1) * 9 + (y + 1) * 3 + z + 1;
    }
  }
  return taps;
}

/**
 * The sum that turns a 3x3x3 kernel over subdivided voxels into eight 2x2x2 kernels over their parents.
 *
 * All eight children of a voxel carry its feature, so the taps that fall on the same parent can be added up
 * beforehand: 8 products per child in place of 27.
 *
 * @returns F32 [64, 27] of zeros and ones: row `octant * 8 + slot` selects the kernel taps that fall on parent
 *   tap `OCTANT_PARENT_TAPS[octant * 8 + slot]`.
 */
export function octantMerge(): Float32Array {
  const merge = new Float32Array(OCTANTS * 8 * KERNEL_TAPS);
  for (let octant = 0; octant < OCTANTS; octant++) {
    for (let tap = 0; tap < KERNEL_TAPS; tap++) {
      const parentTap = (CHILD_STEPS[octant * KERNEL_TAPS + tap] as number) >> 3;
      const slot = OCTANT_PARENT_TAPS.subarray(octant * 8, octant * 8 + 8).indexOf(parentTap);
      merge[(octant * 8 + slot) * KERNEL_TAPS + tap] = 1;
    }
  }
  return merge;
}
