/**
 * `SparseStructureDecoder`: occupancy latent to logits, a dense 3D convolutional network.
 * Source: TRELLIS `models/sparse_structure_vae.py`; paper section 3.3 and appendix A.
 */
import { type Checkpoint, type Graph, GraphBuilder, type Session, type Value } from '@espalier/onnx';
import { float32, int32, type Tensor } from '@espalier/tensors';
import type { SparseStructureDecoderConfig } from '../repository/index.ts';
import { channelLayerNorm, denseConv, groupNorm } from './blocks/index.ts';
import { type GraphChoices, graphChoices, type NetworkOptions, openNetwork } from './network.ts';

const UPSAMPLING = 2;

/**
 * Input `z` [1, latent_channels, R, R, R], any R; output `logits` [1, out_channels, S, S, S] with
 * S = R * 2^(channels.length - 1); float32.
 * @throws TerminalError `CHECKPOINT_MISMATCH` naming the weight.
 */
export function buildStructureDecoder(
  config: SparseStructureDecoderConfig,
  resolution: number,
  checkpoint: Checkpoint,
  choices: GraphChoices = {},
): Graph {
  const g = new GraphBuilder({ name: 'SparseStructureDecoder', checkpoint, weightRole: 'mapped', ...choices });
  const { channels } = config;
  const [widest = 0] = channels;
  const z = g.input('z', 'float32', [1, config.latent_channels, resolution, resolution, resolution]);
  let h = g.cast(denseConv(g, z, 'input_layer', widest), g.computeType);
  for (let i = 0; i < config.num_res_blocks_middle; i++) {
    h = residualBlock(g, h, `middle_block.${i}`);
  }
  h = g.tap('middle_block', h);
  let index = 0;
  for (const [level] of channels.entries()) {
    for (let i = 0; i < config.num_res_blocks; i++) {
      h = residualBlock(g, h, `blocks.${index++}`);
    }
    const next = channels[level + 1];
    if (next !== undefined) {
      h = pixelShuffle(g, denseConv(g, h, `blocks.${index++}.conv`, next * UPSAMPLING ** 3));
    }
  }
  h = g.cast(h, 'float32');
  const normed = config.norm_type === 'group' ? groupNorm(g, h, 'out_layer.0') : channelLayerNorm(g, h, 'out_layer.0');
  g.output('logits', denseConv(g, g.silu(normed), 'out_layer.2', config.out_channels));
  return g.build();
}

/** Norm, SiLU, convolution, twice, around a skip. Its norms are layer norms whatever `norm_type` says. */
function residualBlock(g: GraphBuilder, x: Value, key: string): Value {
  const channels = x.shape[1] as number;
  let h = denseConv(g, g.silu(channelLayerNorm(g, x, `${key}.norm1`)), `${key}.conv1`, channels);
  h = denseConv(g, g.silu(channelLayerNorm(g, h, `${key}.norm2`)), `${key}.conv2`, channels);
  return g.add(h, x);
}

/** [1, 8 C, R, R, R] -> [1, C, 2R, 2R, 2R]: channel `c*8 + dx*4 + dy*2 + dz` goes to the offset (dx, dy, dz). */
function pixelShuffle(g: GraphBuilder, x: Value): Value {
  const [, packed, r] = x.shape as [number, number, number];
  const channels = packed / UPSAMPLING ** 3;
  const cells = g.reshape(x, [channels, UPSAMPLING, UPSAMPLING, UPSAMPLING, r, r, r]);
  const size = r * UPSAMPLING;
  return g.reshape(g.transpose(cells, [0, 4, 1, 5, 2, 6, 3]), [1, channels, size, size, size]);
}

/**
 * Voxels whose logit is above 0.
 * @param logits Row-major values of a grid [S, S, S].
 * @returns I32 [N, 4] of (batch 0, x, y, z), in row-major order of the grid (`argwhere`).
 */
export function occupiedVoxels(logits: Float32Array): Tensor<Int32Array> {
  const size = Math.round(Math.cbrt(logits.length));
  const coords: number[] = [];
  for (let i = 0; i < logits.length; i++) {
    if ((logits[i] as number) > 0) {
      coords.push(0, Math.floor(i / (size * size)), Math.floor(i / size) % size, i % size);
    }
  }
  return int32([coords.length / 4, 4], Int32Array.from(coords));
}

export class StructureDecoder {
  readonly #resolution: number;
  readonly #channels: number;
  readonly #session: Session;

  private constructor(config: SparseStructureDecoderConfig, resolution: number, session: Session) {
    this.#channels = config.latent_channels;
    this.#resolution = resolution;
    this.#session = session;
  }

  /**
   * @param resolution Extent R of the latent grid, that of the flow model.
   * @throws TerminalError as `openNetwork`.
   */
  static async open(
    config: SparseStructureDecoderConfig,
    resolution: number,
    weightsPath: string,
    options: NetworkOptions,
  ): Promise<StructureDecoder> {
    const session = await openNetwork(
      weightsPath,
      (checkpoint) => buildStructureDecoder(config, resolution, checkpoint, graphChoices(options)),
      options,
    );
    return new StructureDecoder(config, resolution, session);
  }

  /**
   * @param z Latent, row-major values of [1, C, R, R, R].
   * @returns `logits` [1, out_channels, S, S, S], beside the taps that were asked for.
   */
  async run(z: Float32Array): Promise<Record<string, Tensor>> {
    const r = this.#resolution;
    return this.#session.run({ z: float32([1, this.#channels, r, r, r], z) });
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
