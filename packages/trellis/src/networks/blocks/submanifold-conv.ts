/**
 * 3x3x3 convolution over active voxels: `out[p] = b + sum_k W[:, k, :] . in[p + k - 1]`, where absent voxels count as
 * zero. Source: spconv's `SubMConv3d` as TRELLIS uses it (`modules/sparse/conv/conv_spconv.py`).
 *
 * Neighbours are gathered into rows of 27 C and multiplied with the stored weights at once. That row buffer would be
 * the largest thing in memory by far, so on the CPU it is made in chunks of rows. On CUDA it is made whole: memory is
 * there, calls of kernels cost, and even all 64^3 voxels at 256 channels stay below the 2^31 values that its kernels can
 * count.
 */
import type { GraphBuilder, GraphTarget, Value } from '@espalier/onnx';
import { int32, type Tensor } from '@espalier/tensors';
import { KERNEL_TAPS } from '../../sparse/index.ts';
import { type ConditionBatch, withZeroRowEach } from './condition-batch.ts';

/** Chunks that a table is cut into inside a graph. */
const CHUNKS = 8;
/** Rows below which a chunk is not made smaller: the product of matrices needs some to be efficient. */
const LEAST_ROWS = 1024;

/** A table of rows to gather, [rows, 27], whole and as the chunks that a graph works on. */
export interface ChunkedTable {
  readonly whole: Value;
  /** On the CPU. */
  readonly chunks: readonly Value[];
  /** How the features that it points into are shared out; none: they are of all conditions. */
  readonly batch?: ConditionBatch;
}

/** Declares a table as input `name`, int32 [rows, 27], and `name.chunks`, which says how it is cut. */
export function chunkedTable(g: GraphBuilder, name: string, rows: string): ChunkedTable {
  return cutTable(g, g.input(name, 'int32', [rows, KERNEL_TAPS]), name);
}

/** Declares input `name.chunks`, which says how a table is cut. */
export function cutTable(g: GraphBuilder, table: Value, name: string): ChunkedTable {
  const sizes = g.input(`${name}.chunks`, 'int64', [CHUNKS]);
  const shapes = Array.from({ length: CHUNKS }, (_, i) => ({
    type: 'int32' as const,
    shape: [`${table.shape[0]}.${i}`, KERNEL_TAPS],
  }));
  const split = () => g.nodes('Split', [table, sizes], shapes, { axis: { int: 0 } });
  return { whole: table, chunks: g.within('cpu', split) };
}

/** The two inputs of {@link chunkedTable}. */
export function feedTable(name: string, table: Int32Array): Record<string, Tensor> {
  const rows = table.length / KERNEL_TAPS;
  return { [name]: int32([rows, KERNEL_TAPS], table), ...feedCuts(name, rows) };
}

/** The input of {@link cutTable} for a table of so many rows. */
export function feedCuts(name: string, rows: number): Record<string, Tensor> {
  const each = Math.max(LEAST_ROWS, Math.ceil(rows / CHUNKS));
  const sizes = BigInt64Array.from({ length: CHUNKS }, (_, i) => BigInt(Math.max(0, Math.min(each, rows - i * each))));
  return { [`${name}.chunks`]: { dtype: 'I64', shape: [CHUNKS], data: sizes } };
}

/** Appends the row of zeros that absent voxels point at. */
export function withZeroRow(g: GraphBuilder, x: Value): Value {
  return withZeroRows(g, x, 1);
}

/** Appends rows of zeros. */
export function withZeroRows(g: GraphBuilder, x: Value, count: number): Value {
  const [rows, channels] = x.shape as [string, number];
  const zeros = g.constant(new Float32Array(count * channels), [count, channels], x.type);
  return g.concat([x, zeros], 0, `${rows}+${count}`);
}

/** With the row of zeros that a table's absent voxels point at; each condition has one of its own. */
function padded(g: GraphBuilder, x: Value, { batch }: ChunkedTable): Value {
  return batch === undefined ? withZeroRow(g, x) : withZeroRowEach(g, x, batch);
}

/**
 * @param x [N, C]
 * @param table Neighbours of the N voxels.
 * @param key Prefix of `conv.weight` [outputs, 3, 3, 3, C] and `conv.bias`.
 * @returns [N, outputs]
 */
export function submanifoldConv(g: GraphBuilder, x: Value, table: ChunkedTable, key: string, outputs: number): Value {
  const channels = x.shape[1] as number;
  const source = padded(g, x, table);
  const weight = g.weight(`${key}.conv.weight`, [outputs, 3, 3, 3, channels], {
    type: x.type,
    as: [outputs, KERNEL_TAPS * channels],
  });
  const bias = g.weight(`${key}.conv.bias`, [outputs], { type: x.type });
  return joined(g, table, (chunk) => {
    const rows = chunk.shape[0] as string;
    const gathered = g.reshape(g.gather(source, chunk), [rows, KERNEL_TAPS * channels]);
    return g.gemm(gathered, weight, { bias, transposed: true });
  });
}

/**
 * The convolution of an up-sampled tensor, worked on the coarse voxels: as several fine voxels carry the feature of
 * their one parent, the products with all 27 taps are taken once per parent, and fine voxels add up what they need.
 *
 * @param x [M, C] coarse features
 * @param table [N, 27] of the fine voxels, {@link upsampledTable}
 * @param key As for `submanifoldConv`.
 * @returns [N, outputs]
 */
export function upsampledConv(g: GraphBuilder, x: Value, table: ChunkedTable, key: string, outputs: number): Value {
  const channels = x.shape[1] as number;
  const stored = g.weight(`${key}.conv.weight`, [outputs, 3, 3, 3, channels], {
    type: x.type,
    as: [outputs, KERNEL_TAPS, channels],
  });
  const byTap = g.reshape(g.transpose(stored, [1, 0, 2]), [KERNEL_TAPS * outputs, channels]);
  const source = padded(g, x, table);
  const rows = `(${source.shape[0]})*${KERNEL_TAPS}`;
  const products = g.reshape(g.gemm(source, byTap, { transposed: true }), [rows, outputs]);
  const bias = g.weight(`${key}.conv.bias`, [outputs], { type: x.type });
  return joined(g, table, (chunk, target) => g.add(sumGathered(g, products, chunk, target), bias));
}

/**
 * Sums of gathered rows: x [M, C], indices [N, K] to [N, C]. For use inside a way of one target: CUDA has a fast kernel for
 * sums along the first axis, the CPU along the middle one.
 */
export function sumGathered(g: GraphBuilder, x: Value, indices: Value, target: GraphTarget): Value {
  const shape = [indices.shape[0] as number | string, x.shape[1] as number];
  if (target === 'cpu') return g.reshape(g.reduce('Sum', g.gather(x, indices), [1]), shape);
  return g.reshape(g.reduce('Sum', g.gather(x, g.transpose(indices, [1, 0])), [0]), shape);
}

/**
 * Rows of the products that `upsampledConv` adds up: `parent * 27 + tap`, M * 27 + tap for absent voxels.
 *
 * @param neighbours [N, 27] of the fine voxels.
 * @param parents [N] coarse row of every fine voxel.
 * @param coarse M, the number of coarse voxels.
 */
export function upsampledTable(neighbours: Int32Array, parents: Int32Array, coarse: number): Int32Array {
  return neighbours.map(
    (row, i) => (row === parents.length ? coarse : (parents[row] as number)) * KERNEL_TAPS + (i % KERNEL_TAPS),
  );
}

function joined(
  g: GraphBuilder,
  { whole, chunks }: ChunkedTable,
  rowsOf: (chunk: Value, target: GraphTarget) => Value,
): Value {
  const [rows] = g.either({
    cpu: () => {
      const parts = chunks.map((chunk) => rowsOf(chunk, 'cpu'));
      return [g.concat(parts, 0, whole.shape[0] as string)];
    },
    cuda: () => [rowsOf(whole, 'cuda')],
  });
  return rows as Value;
}
