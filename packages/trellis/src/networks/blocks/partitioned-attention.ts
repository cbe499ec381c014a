/**
 * Attention inside groups of voxels. Source: TRELLIS `modules/sparse/attention/windowed_attn.py` and
 * `serialized_attn.py`.
 *
 * The CPU attends bucket by bucket, each padded to its longest group. On CUDA groups of all lengths go through one
 * kernel: the attention that takes padded groups there compiles a plan for each shape, and shapes are new with each asset.
 */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { int32, type Tensor } from '@espalier/tensors';
import { type AttentionPartition, packedGroups } from '../../sparse/index.ts';
import type { Attend } from './attention.ts';

/** A partition as inputs of a graph. */
interface PartitionInputs {
  readonly buckets: readonly { readonly rows: Value; readonly lengths: Value }[];
  /** int32 [N] */
  readonly back: Value;
  /** The same groups for CUDA, int32 as in `PackedGroups`. */
  readonly packed: { readonly rows: Value; readonly starts: Value; readonly places: Value; readonly back: Value };
}

/**
 * Declares a partition of `buckets` buckets: `name.<b>.rows` int32 [W, L], `name.<b>.lengths` int32 [W], how many of a
 * group's rows are keys, and `name.back` int32 [N]; and `name.packed.<part>` for the parts of `PackedGroups`.
 */
export function partitionInputs(g: GraphBuilder, name: string, buckets: number): PartitionInputs {
  const packed = (part: string, ...shape: string[]) =>
    g.input(
      `${name}.packed.${part}`,
      'int32',
      shape.map((extent) => (extent === 'N' ? extent : `${name}.${extent}`)),
    );
  return {
    buckets: Array.from({ length: buckets }, (_, b) => ({
      rows: g.input(`${name}.${b}.rows`, 'int32', [`${name}.${b}.W`, `${name}.${b}.L`]),
      lengths: g.input(`${name}.${b}.lengths`, 'int32', [`${name}.${b}.W`]),
    })),
    back: g.input(`${name}.back`, 'int32', ['N']),
    packed: {
      rows: packed('rows', 'T'),
      starts: packed('starts', 'G+1'),
      places: packed('places', 'G', 'L'),
      back: packed('back', 'N'),
    },
  };
}

export function feedPartition(name: string, partition: AttentionPartition): Record<string, Tensor> {
  const { buckets, back } = partition;
  const feeds: Record<string, Tensor> = { [`${name}.back`]: int32([back.length], back) };
  for (const [b, { rows, lengths, groups, capacity }] of buckets.entries()) {
    feeds[`${name}.${b}.rows`] = int32([groups, capacity], rows);
    feeds[`${name}.${b}.lengths`] = int32([groups], lengths);
  }
  const { groups, capacity, ...packed } = packedGroups(partition);
  for (const [part, data] of Object.entries(packed)) {
    feeds[`${name}.packed.${part}`] = int32(part === 'places' ? [groups, capacity] : [data.length], data);
  }
  return feeds;
}

/** Attention of voxels to those of their own group. */
export function partitionedAttention(g: GraphBuilder, partition: PartitionInputs, heads: number): Attend {
  return (query, key, value) => {
    const channels = value.shape[1] as number;
    const flat = [query, key, value].map((x) => g.reshape(x, value.shape));
    const gathered = (rows: Value) => flat.map((x) => g.gather(x, rows)) as [Value, Value, Value];
    const [result] = g.either({
      cpu: () => {
        const results = partition.buckets.map(({ rows, lengths }) => {
          const attended = g.attention(...gathered(rows), { heads, keyLengths: lengths });
          return g.reshape(attended, [`${rows.shape[0]}*${rows.shape[1]}`, channels]);
        });
        return [g.gather(g.concat(results, 0, 'all groups'), partition.back)];
      },
      cuda: () => {
        const { rows, starts, places, back } = partition.packed;
        return [g.gather(g.packedAttention(...gathered(rows), { heads, starts, places }), back)];
      },
    });
    return result as Value;
  };
}
