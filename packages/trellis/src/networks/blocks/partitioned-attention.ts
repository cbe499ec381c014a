/**
 * Attention inside groups of voxels. Source: TRELLIS `modules/sparse/attention/windowed_attn.py` and
 * `serialized_attn.py`.
 *
 * The CPU attends bucket by bucket, each padded to its longest group. On CUDA groups of all lengths go through one
 * kernel: the attention that takes padded groups there compiles a plan for each shape, and shapes are new with each asset.
 */
import type { GraphBuilder, Session, Value } from '@espalier/onnx';
import { int32, type Tensor } from '@espalier/tensors';
import { bucketed, packedGroups, type VoxelGroups } from '../../sparse/index.ts';
import type { Attend } from './attention.ts';

/** A partition as inputs of a graph. */
interface PartitionInputs {
  readonly buckets: readonly { readonly rows: Value; readonly lengths: Value }[];
  /** int32 [N] */
  readonly back: Value;
  /** The same groups for CUDA, int32 as in `PackedGroups`. A session takes one form or the other. */
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

/** Groups in the one form that is read on the session's device. @param buckets As declared. */
export function feedPartition(
  { inputs }: Pick<Session, 'inputs'>,
  name: string,
  groups: VoxelGroups,
  buckets: number,
): Record<string, Tensor> {
  return inputs.has(`${name}.back`) ? feedBuckets(name, groups, buckets) : feedPacked(name, groups);
}

function feedBuckets(name: string, all: VoxelGroups, count: number): Record<string, Tensor> {
  const { buckets, back } = bucketed(all, count);
  const feeds: Record<string, Tensor> = { [`${name}.back`]: int32([back.length], back) };
  for (const [b, { rows, lengths, groups, capacity }] of buckets.entries()) {
    feeds[`${name}.${b}.rows`] = int32([groups, capacity], rows);
    feeds[`${name}.${b}.lengths`] = int32([groups], lengths);
  }
  return feeds;
}

function feedPacked(name: string, all: VoxelGroups): Record<string, Tensor> {
  const { rows, starts, places, back, groups, capacity } = packedGroups(all);
  return {
    [`${name}.packed.rows`]: int32([rows.length], rows),
    [`${name}.packed.starts`]: int32([starts.length], starts),
    [`${name}.packed.places`]: int32([groups, capacity], places),
    [`${name}.packed.back`]: int32([back.length], back),
  };
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
