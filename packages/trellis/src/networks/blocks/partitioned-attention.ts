/**
 * Attention inside groups of voxels. Source: TRELLIS `modules/sparse/attention/windowed_attn.py` and
 * `serialized_attn.py`.
 */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { int32, type Tensor } from '@espalier/tensors';
import type { AttentionPartition } from '../../sparse/index.ts';
import type { Attend } from './attention.ts';

/** A partition as inputs of a graph. */
interface PartitionInputs {
  readonly buckets: readonly { readonly rows: Value; readonly lengths: Value }[];
  /** int32 [N] */
  readonly back: Value;
}

/**
 * Declares a partition of `buckets` buckets: `name.<b>.rows` int32 [W, L], `name.<b>.lengths` int32 [W], how many of a
 * group's rows are keys, and `name.back` int32 [N].
 */
export function partitionInputs(g: GraphBuilder, name: string, buckets: number): PartitionInputs {
  return {
    buckets: Array.from({ length: buckets }, (_, b) => ({
      rows: g.input(`${name}.${b}.rows`, 'int32', [`${name}.${b}.W`, `${name}.${b}.L`]),
      lengths: g.input(`${name}.${b}.lengths`, 'int32', [`${name}.${b}.W`]),
    })),
    back: g.input(`${name}.back`, 'int32', ['N']),
  };
}

export function feedPartition(name: string, { buckets, back }: AttentionPartition): Record<string, Tensor> {
  const feeds: Record<string, Tensor> = { [`${name}.back`]: int32([back.length], back) };
  for (const [b, { rows, lengths, groups, capacity }] of buckets.entries()) {
    feeds[`${name}.${b}.rows`] = int32([groups, capacity], rows);
    feeds[`${name}.${b}.lengths`] = int32([groups], lengths);
  }
  return feeds;
}

/** Attention of voxels [N, C] to those of their own group. */
export function partitionedAttention(g: GraphBuilder, partition: PartitionInputs, heads: number): Attend {
  return (query, key, value) => {
    const channels = query.shape[1] as number;
    const results = partition.buckets.map(({ rows, lengths }) => {
      const [q, k, v] = [query, key, value].map((x) => g.gather(x, rows)) as [Value, Value, Value];
      const attended = g.attention(q, k, v, { heads, keyLengths: lengths });
      return g.reshape(attended, [`${rows.shape[0]}*${rows.shape[1]}`, channels]);
    });
    return g.gather(g.concat(results, 0, 'all groups'), partition.back);
  };
}
