/**
 * The graphs that `SLatMeshDecoder` is run in. Source: TRELLIS `models/structured_latent_vae/decoder_mesh.py`; paper
 * section 3.2.
 *
 * Its last layers work on 64 times the voxels of the latent, more than a million at full size. Each convolution is a
 * graph over some rows at a time, called in a loop: no graph ever holds the gathered neighbours of all voxels, and
 * between two calls progress is told and cancellation is heard.
 */
import { type Checkpoint, type Graph, GraphBuilder, type Value } from '@espalier/onnx';
import type { SLatMeshDecoderConfig } from '../repository/index.ts';
import { KERNEL_TAPS, OCTANT_PARENT_TAPS, OCTANTS, octantMerge } from '../sparse/index.ts';
import type { GraphChoices } from './network.ts';
import { slatTorso } from './slat-torso.ts';

/** Channels in and out of the two blocks that each split every voxel into eight. */
export function upsampleChannels({ model_channels: channels }: SLatMeshDecoderConfig): [number, number][] {
  return [
    [channels, channels / 4],
    [channels / 4, channels / 8],
  ];
}

/** Raw channels per cell: sdf 8, deformation 8 x 3, weights 21, and with colour 8 x 6. */
export function cellChannels({ representation_config: { use_color } }: SLatMeshDecoderConfig): number {
  return use_color ? 101 : 53;
}

/** A group norm's affine part. */
interface NormWeights {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}

/** Norms of one up-sampling block, whose statistics are taken over all voxels outside of the graphs. */
export interface BlockNorms {
  readonly first: NormWeights;
  readonly second: NormWeights;
}

export type MeshDecoderGraph =
  | 'torso'
  | 'activation'
  | 'enter.0'
  | 'enter.1'
  | 'first.0'
  | 'first.1'
  | 'second.0'
  | 'second.1';

/** @throws TerminalError `CHECKPOINT_MISMATCH` naming the weight. */
export function buildMeshDecoder(
  config: SLatMeshDecoderConfig,
  checkpoint: Checkpoint,
  choices: GraphChoices = {},
): Record<MeshDecoderGraph, Graph> {
  const { taps = [], ...rest } = choices;
  const torso = new GraphBuilder({
    name: 'SLatMeshDecoder torso',
    checkpoint,
    ...rest,
    taps: taps.filter((tap) => tap.startsWith('blocks.')),
  });
  torso.output('h', torso.cast(slatTorso(torso, config), 'float32'));
  const [outer, inner] = upsampleChannels(config) as [[number, number], [number, number]];
  const block = (index: number, [channels, outputs]: [number, number], last: boolean) => {
    const key = `upsample.${index}`;
    const innerTaps = last && taps.includes(key) ? ['y'] : [];
    const builder = (part: string, own: readonly string[] = []) =>
      new GraphBuilder({ name: `SLatMeshDecoder ${key} ${part}`, checkpoint, taps: own });
    return {
      enter: enterGraph(builder('enter'), key, channels, outputs),
      first: firstConvolution(builder('first'), key, channels, outputs),
      second: secondConvolution(builder('second', innerTaps), key, outputs, last ? cellChannels(config) : undefined),
    };
  };
  const blocks = [block(0, outer, false), block(1, inner, true)] as const;
  return {
    torso: torso.build(),
    activation: activationGraph(),
    'enter.0': blocks[0].enter,
    'first.0': blocks[0].first,
    'second.0': blocks[0].second,
    'enter.1': blocks[1].enter,
    'first.1': blocks[1].first,
    'second.1': blocks[1].second,
  };
}

/** Reads the affine parts of both blocks' norms. */
export async function readBlockNorms(config: SLatMeshDecoderConfig, checkpoint: Checkpoint): Promise<BlockNorms[]> {
  const read = async (key: string, channels: number): Promise<NormWeights> => ({
    weight: (await checkpoint.readFloat32(`${key}.weight`, [channels])).data,
    bias: (await checkpoint.readFloat32(`${key}.bias`, [channels])).data,
  });
  const norms: BlockNorms[] = [];
  for (const [index, [channels, outputs]] of upsampleChannels(config).entries()) {
    norms.push({
      first: await read(`upsample.${index}.act_layers.0`, channels),
      second: await read(`upsample.${index}.out_layers.1`, outputs),
    });
  }
  return norms;
}

/** SiLU of a norm: `x` [R, C], `scale` and `shift` [C] to `y` [R, C]. */
function activationGraph(): Graph {
  const g = new GraphBuilder({ name: 'SLatMeshDecoder activation' });
  g.output('y', normedSilu(g, g.input('x', 'float32', ['R', 'C'])));
  return g.build();
}

function normedSilu(g: GraphBuilder, x: Value): Value {
  const extent = x.shape[1] as number | string;
  const affine = ['scale', 'shift'].map((name) => g.input(name, 'float32', [extent])) as [Value, Value];
  return g.silu(g.add(g.mul(x, affine[0]), affine[1]));
}

/** `x` [m, C] to `y` [m, C], norm and SiLU, and `skip` [m, outputs], what its children get around the block. */
function enterGraph(g: GraphBuilder, key: string, channels: number, outputs: number): Graph {
  const x = g.input('x', 'float32', ['m', channels]);
  g.output('y', normedSilu(g, x));
  // spconv reads the memory of a kernel of size 1, stored [out, 1, 1, 1, in], as [in, out].
  const weight = g.weight(`${key}.skip_connection.conv.weight`, [outputs, 1, 1, 1, channels], {
    type: 'float32',
    as: [channels, outputs],
  });
  const bias = g.weight(`${key}.skip_connection.conv.bias`, [outputs], { type: 'float32' });
  g.output('skip', g.gemm(x, weight, { bias }));
  return g.build();
}

/**
 * The convolution behind the subdivision, worked on the voxels before it: `x` [P + 1, C] with a last row of zeros and
 * `neighbours` [m, 27] of m of the parents, to `y` [8 m, outputs], eight rows per parent. See `octantMerge`.
 */
function firstConvolution(g: GraphBuilder, key: string, channels: number, outputs: number): Graph {
  const x = g.input('x', 'float32', ['P+1', channels]);
  const neighbours = g.input('neighbours', 'int32', ['m', KERNEL_TAPS]);
  const stored = g.weight(`${key}.out_layers.0.conv.weight`, [outputs, 3, 3, 3, channels], {
    type: 'float32',
    as: [outputs, KERNEL_TAPS, channels],
  });
  const merged = g.matmul(g.constant(octantMerge(), [OCTANTS * 8, KERNEL_TAPS]), stored);
  const bias = g.weight(`${key}.out_layers.0.conv.bias`, [outputs], { type: 'float32' });
  const children = Array.from({ length: OCTANTS }, (_, octant) => {
    const taps = g.constant(OCTANT_PARENT_TAPS.subarray(octant * 8, octant * 8 + 8), [8], 'int32');
    const gathered = g.gather(x, g.gather(neighbours, taps, 1));
    const weight = g.reshape(g.slice(merged, octant * 8, octant * 8 + 8, 1), [outputs, 8 * channels]);
    return g.gemm(g.reshape(gathered, ['m', 8 * channels]), weight, { bias, transposed: true });
  });
  g.output('y', g.reshape(g.concat(children, 1), ['m*8', outputs]));
  return g.build();
}

/**
 * The second convolution and the sum with the skip path: `x` [8P + 1, C] with a last row of zeros, `neighbours` [8m,
 * 27] of m parents' children and `skip` [m, C], to `y` [8m, C], and with `cells` also `cells` [8m, cells].
 */
function secondConvolution(g: GraphBuilder, key: string, channels: number, cells: number | undefined): Graph {
  const x = g.input('x', 'float32', ['8P+1', channels]);
  const neighbours = g.input('neighbours', 'int32', ['m*8', KERNEL_TAPS]);
  const skip = g.input('skip', 'float32', ['m', channels]);
  const weight = g.weight(`${key}.out_layers.3.conv.weight`, [channels, 3, 3, 3, channels], {
    type: 'float32',
    as: [channels, KERNEL_TAPS * channels],
  });
  const bias = g.weight(`${key}.out_layers.3.conv.bias`, [channels], { type: 'float32' });
  const gathered = g.reshape(g.gather(x, neighbours), ['m*8', KERNEL_TAPS * channels]);
  const convolved = g.reshape(g.gemm(gathered, weight, { bias, transposed: true }), ['m', OCTANTS, channels]);
  const y = g.reshape(g.add(convolved, g.reshape(skip, ['m', 1, channels])), ['m*8', channels]);
  if (cells === undefined) g.output('y', y);
  else g.output('cells', g.linear(g.tap('y', y), 'out_layer', cells));
  return g.build();
}
