/**
 * `SLatMeshDecoder` as one graph, for a device with memory of its own: between latent and cells nothing goes through
 * the host. Source: TRELLIS `models/structured_latent_vae/decoder_mesh.py`, `SparseSubdivideBlock3d`.
 *
 * What `mesh-decoder-graphs.ts` does in calls is done here in pieces inside the graph, so that gathered neighbours stay
 * below 2^31 values, beyond which the CUDA kernels cannot count. The up-sampling computes in the compute type, as the
 * original does; statistics of norms and the output layer are float32.
 */
import { type Checkpoint, type Graph, GraphBuilder, type Session, type Value } from '@espalier/onnx';
import { float32, type Tensor } from '@espalier/tensors';
import type { SLatMeshDecoderConfig } from '../repository/index.ts';
import {
  CHILD_STEPS,
  KERNEL_TAPS,
  neighbourTable,
  OCTANT_PARENT_TAPS,
  OCTANTS,
  octantMerge,
  voxelCount,
} from '../sparse/index.ts';
import { groupNormRows, withZeroRows } from './blocks/index.ts';
import { cellChannels, upsampleChannels } from './mesh-decoder-graphs.ts';
import type { GraphChoices } from './network.ts';
import { feedTorso, slatTorso } from './slat-torso.ts';

/** Pieces of voxels in which the convolutions of each block are worked: 64,000 voxels stay below the limit. */
const PIECES = [2, 8] as const;

/** A neighbour table, [rows, 27], and the lengths of its pieces as an input. Absent neighbours are `rows` or more. */
interface Level {
  readonly table: Value;
  readonly sizes: Value;
  readonly pieces: number;
}

/**
 * Inputs of `slatTorso`, `neighbours` int32 [N, 27], `pieces.0` and `pieces.1` int64; output `cells` float32
 * [64 N, cells].
 */
export function buildWholeMeshDecoder(
  config: SLatMeshDecoderConfig,
  checkpoint: Checkpoint,
  choices: GraphChoices = {},
): Graph {
  const g = new GraphBuilder({ name: 'SLatMeshDecoder', checkpoint, ...choices });
  let x = slatTorso(g, config);
  let table = g.input('neighbours', 'int32', ['N', KERNEL_TAPS]);
  const cells: Value[] = [];
  for (const [index, [, outputs]] of upsampleChannels(config).entries()) {
    const pieces = PIECES[index] as number;
    const sizes = g.input(`pieces.${index}`, 'int64', [pieces]);
    const level = { table, sizes, pieces };
    const last = index === PIECES.length - 1;
    const key = `upsample.${index}`;
    const parts = subdivideBlock(g, x, key, outputs, level);
    const rows = times8(x.shape[0] as string);
    if (last) {
      for (const part of parts) cells.push(g.linear(g.cast(part, 'float32'), 'out_layer', cellChannels(config)));
    }
    if (!last || choices.taps?.includes(key)) {
      x = g.concat(parts, 0, rows);
      g.tap(key, x);
      if (!last) table = childTable(g, table, rows);
    }
  }
  g.output('cells', g.concat(cells, 0, 'N*64'));
  return g.build();
}

const times8 = (rows: string): string => `${rows}*8`;

/** @returns the children's features, [8 m, outputs] for each piece of m voxels. */
function subdivideBlock(g: GraphBuilder, x: Value, key: string, outputs: number, level: Level): Value[] {
  const [rows, channels] = x.shape as [string, number];
  const skips = cut(g, skipPath(g, x, key, channels, outputs), level, rows);
  const tables = cut(g, level.table, level, rows);
  const padded = withZeroRows(g, g.silu(groupNormRows(g, x, `${key}.act_layers.0`)), OCTANTS);
  const first = firstConvolution(g, padded, key, outputs, tables);
  const h = g.silu(groupNormRows(g, g.concat(first, 0, times8(rows)), `${key}.out_layers.1`));
  const source = withZeroRows(g, h, OCTANTS ** 2);
  const weight = g.weight(`${key}.out_layers.3.conv.weight`, [outputs, 3, 3, 3, outputs], {
    as: [outputs, KERNEL_TAPS * outputs],
  });
  const bias = g.weight(`${key}.out_layers.3.conv.bias`, [outputs]);
  return tables.map((table, piece) => {
    const m = table.shape[0] as string;
    const gathered = g.gather(source, childTable(g, table, times8(m)));
    const flat = g.reshape(gathered, [times8(m), KERNEL_TAPS * outputs]);
    const convolved = g.reshape(g.gemm(flat, weight, { bias, transposed: true }), [m, OCTANTS, outputs]);
    const skip = g.reshape(skips[piece] as Value, [m, 1, outputs]);
    return g.reshape(g.add(convolved, skip), [times8(m), outputs]);
  });
}

/** spconv reads the memory of a kernel of size 1, stored [out, 1, 1, 1, in], as [in, out]. */
function skipPath(g: GraphBuilder, x: Value, key: string, channels: number, outputs: number): Value {
  const weight = g.weight(`${key}.skip_connection.conv.weight`, [outputs, 1, 1, 1, channels], {
    as: [channels, outputs],
  });
  return g.gemm(x, weight, { bias: g.weight(`${key}.skip_connection.conv.bias`, [outputs]) });
}

/** The convolution behind the subdivision, worked on the voxels before it; see `octantMerge`. */
function firstConvolution(g: GraphBuilder, x: Value, key: string, outputs: number, tables: readonly Value[]): Value[] {
  const channels = x.shape[1] as number;
  const stored = g.weight(`${key}.out_layers.0.conv.weight`, [outputs, 3, 3, 3, channels], {
    type: 'float32',
    as: [outputs, KERNEL_TAPS, channels],
  });
  const merged = g.cast(g.matmul(g.constant(octantMerge(), [OCTANTS * 8, KERNEL_TAPS]), stored), x.type);
  const bias = g.weight(`${key}.out_layers.0.conv.bias`, [outputs]);
  const octants = Array.from({ length: OCTANTS }, (_, octant) => ({
    taps: g.constant(OCTANT_PARENT_TAPS.subarray(octant * 8, octant * 8 + 8), [8], 'int32'),
    weight: g.reshape(g.slice(merged, octant * 8, octant * 8 + 8, 1), [outputs, 8 * channels]),
  }));
  return tables.map((table) => {
    const m = table.shape[0] as string;
    const children = octants.map(({ taps, weight }) => {
      const gathered = g.reshape(g.gather(x, g.gather(table, taps, 1)), [m, 8 * channels]);
      return g.gemm(gathered, weight, { bias, transposed: true });
    });
    return g.reshape(g.concat(children, 1), [times8(m), outputs]);
  });
}

/**
 * Neighbours of the children of some voxels: [m, 27] to [8 m, 27]. Row r becomes rows 8 r to 8 r + 7, those of an absent
 * voxel too, which is why eight times as many rows of zeros are needed on the finer grid.
 */
function childTable(g: GraphBuilder, table: Value, rows: string): Value {
  const extent = [OCTANTS * KERNEL_TAPS];
  const taps = g.shared('child taps', () =>
    g.constant(
      CHILD_STEPS.map((step) => step >> 3),
      extent,
      'int32',
    ),
  );
  const octants = g.shared('child octants', () =>
    g.constant(
      CHILD_STEPS.map((step) => step & 7),
      extent,
      'int32',
    ),
  );
  const children = g.add(g.mul(g.gather(table, taps, 1), OCTANTS), octants);
  return g.reshape(children, [rows, KERNEL_TAPS]);
}

function cut(g: GraphBuilder, x: Value, { sizes, pieces }: Level, rows: string): Value[] {
  const shapes = Array.from({ length: pieces }, (_, i) => ({ type: x.type, shape: x.shape.with(0, `${rows}.${i}`) }));
  return g.nodes('Split', [x, sizes], shapes, { axis: { int: 0 } });
}

/**
 * Runs the whole decoder.
 * @param cells [64 N, cells], written to.
 * @returns The taps that were asked for, beside `cells`.
 */
export function runWholeMeshDecoder(
  session: Session,
  config: SLatMeshDecoderConfig,
  voxels: Int32Array,
  slat: Float32Array,
  cells: Float32Array,
): Promise<Record<string, Tensor>> {
  const rows = voxelCount(voxels);
  const feeds: Record<string, Tensor> = {
    ...feedTorso(session, config, voxels, slat),
    neighbours: { dtype: 'I32', shape: [rows, KERNEL_TAPS], data: neighbourTable(voxels) },
  };
  for (const [level, pieces] of PIECES.entries()) {
    const all = rows * OCTANTS ** level;
    const data = BigInt64Array.from({ length: pieces }, (_, i) =>
      BigInt(Math.floor((all * (i + 1)) / pieces) - Math.floor((all * i) / pieces)),
    );
    feeds[`pieces.${level}`] = { dtype: 'I64', shape: [pieces], data };
  }
  return session.run(feeds, { cells: float32([rows * OCTANTS ** 2, cellChannels(config)], cells) });
}
