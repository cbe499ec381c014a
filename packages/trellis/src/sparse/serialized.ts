import { type Curve, curvePositions } from './curves.ts';
import type { VoxelGroups } from './groups.ts';
import { ascending } from './radix-sort.ts';
import { voxelCount } from './voxels.ts';

export interface Serialization {
  readonly curve: Curve;
  /** Voxels per group. */
  readonly size: number;
  /** Shift of the groups along the sequence, in voxels. */
  readonly shiftSequence: number;
  /** Added to every coordinate before the curve is drawn. */
  readonly shiftWindow: number;
}

/**
 * Groups of `attn_mode` "shift_window", "shift_sequence" and "shift_order": voxels are ordered along a
 * space-filling curve and cut into ceil(N / size) spans of (fractionally) equal length; each span attends within a
 * group of exactly `size` voxels centred on it, which overlaps its neighbours and wraps around at the ends. If one
 * group is enough, it holds all N voxels.
 */
export function serializedGroups(voxels: Int32Array, how: Serialization): VoxelGroups {
  const rows = voxelCount(voxels);
  const ordered = ascending(curvePositions(voxels, how.curve, how.shiftWindow));
  const groups = Math.ceil(rows / how.size);
  const back = new Int32Array(rows);
  if (groups === 1) {
    for (let at = 0; at < rows; at++) back[ordered[at] as number] = at;
    return { rows: ordered, starts: Int32Array.of(0, rows), back };
  }
  const span = rows / groups;
  const gathered = new Int32Array(groups * how.size);
  const wrap = (index: number): number => ((index % rows) + rows) % rows;
  for (let group = 0; group < groups; group++) {
    const start = Math.floor((group + 0.5) * span + how.shiftSequence - 0.5 * how.size);
    for (let i = 0; i < how.size; i++) gathered[group * how.size + i] = ordered[wrap(start + i)] as number;
    const from = Math.floor(group * span + how.shiftSequence);
    const to = Math.floor((group + 1) * span + how.shiftSequence);
    for (let i = from; i < to; i++) back[ordered[wrap(i)] as number] = group * how.size + i - start;
  }
  const starts = Int32Array.from({ length: groups + 1 }, (_, group) => group * how.size);
  return { rows: gathered, starts, back };
}
