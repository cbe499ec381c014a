/**
 * Attention inside groups of voxels. Source: TRELLIS `modules/sparse/attention/windowed_attn.py` and
 * `serialized_attn.py`.
 */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { int32, type Tensor } from '@espalier/tensors';
import type { AttentionPartition } from '../../sparse/index.ts';
import type { Attend } from './attention.ts';

/**
 * How attention is told of padding: `keys`, 1 or 0 for each key, [W, L]; or `lengths`, how many keys each group has, [W].
 * On the CPU both give the same bits; on CUDA the runtime has other kernels for each.
 */
export type GroupMask = 'keys' | 'lengths';

/** A partition as inputs of a graph. */
interface PartitionInputs {
  readonly buckets: readonly { readonly rows: Value; readonly mask: Value }[];
  /** int32 [N] */
  readonly back: Value;
}

/**
 * Declares a partition of `buckets` buckets: `name.<b>.rows` int32 [W, L], `name.<b>.mask` int32 as `mask` says, and
 * `name.back` int32 [N].
 */
export function partitionInputs(g: GraphBuilder, name: string, buckets: number, mask: GroupMask): PartitionInputs {
  return {
    buckets: Array.from({ length: buckets }, (_, b) => {
      const shape = [`${name}.${b}.W`, `${name}.${b}.L`];
      const masked = mask === 'keys' ? shape : shape.slice(0, 1);
      return {
        rows: g.input(`${name}.${b}.rows`, 'int32', shape),
        mask: g.input(`${name}.${b}.mask`, 'int32', masked),
      };
    }),
    back: g.input(`${name}.back`, 'int32', ['N']),
  };
}

export function feedPartition(
  name: string,
  { buckets, back }: AttentionPartition,
  groupMask: GroupMask,
): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = { [`${name}.back`]: int32([back.length], back) };
  for (const [b, { rows, lengths, groups, capacity }] of buckets.entries()) {
    feeds[`${name}.${b}.rows`] = int32([groups, capacity], rows);
    if (groupMask === 'lengths') {
      feeds[`${name}.${b}.mask`] = int32([groups], lengths);
      continue;
    }
    const mask = new Int32Array(groups * capacity);
    for (let group = 0; group < groups; group++) {
      mask.fill(1, group * capacity, group * capacity + (lengths[group] as number));
    }
    feeds[`${name}.${b}.mask`] = int32([groups, capacity], mask);
  }
  return feeds;
}

/** Attention of voxels [N, C] to those of their own group. */
export function partitionedAttention(g: GraphBuilder, partition: PartitionInputs, heads: number): Attend {
  return (query, key, value) => {
    const channels = query.shape[1] as number;
    const results = partition.buckets.map(({ rows, mask }) => {
      const [q, k, v] = [query, key, value].map((x) => g.gather(x, rows)) as [Value, Value, Value];
      const attended = g.attention(q, k, v, { heads, keyMask: mask });
      return g.reshape(attended, [`${rows.shape[0]}*${rows.shape[1]}`, channels]);
    });
    return g.gather(g.concat(results, 0, 'all groups'), partition.back);
  };
}
