/**
 * `SparseStructureFlowModel`: velocity of the occupancy latent, a transformer over the patches of a dense grid.
 * Source: TRELLIS `models/sparse_structure_flow.py`; paper section 3.3 and appendix A.
 *
 * Taps: `t_emb` [1, C], `h_pos` [L, C] and `h_block<i>` [B L, C] with L patches in row-major (x, y, z) order and B
 * conditions.
 */
import {
  type Checkpoint,
  type Graph,
  GraphBuilder,
  type Residual,
  residualSum,
  type Session,
  tapResidual,
  type Value,
} from '@espalier/onnx';
import { float32, type Tensor } from '@espalier/tensors';
import type { SparseStructureFlowConfig } from '../repository/index.ts';
import { type ConditionBatch, gridPositions, modulatedCrossBlock } from './blocks/index.ts';
import { buildTimes, FlowTimes, modulationInput, type TimedLayers } from './flow-times.ts';
import { velocitiesOf } from './guided-velocities.ts';
import { asOneNetwork, type GraphChoices, graphChoices, type NetworkOptions, openGraphs } from './network.ts';

/** Norm without affine part before the output layer. */
const OUTPUT_NORM_EPS = 1e-5;

/**
 * `times` of `buildTimes`, and `network`: inputs `x` [1, in_channels, R, R, R], `cond` [B, L, cond_channels] and
 * `modulation`; output `out` [B, out_channels, R, R, R]; float32 but for the modulation.
 * @throws TerminalError `CHECKPOINT_MISMATCH` naming the weight.
 */
export function buildStructureFlow(
  config: SparseStructureFlowConfig,
  checkpoint: Checkpoint,
  choices: GraphChoices = {},
): Record<'times' | 'network', Graph> {
  const layers: TimedLayers = { ...config, residual: [] };
  const times = buildTimes(layers, checkpoint, choices);
  const taps = (choices.taps ?? []).filter((tap) => tap !== 't_emb');
  const g = new GraphBuilder({ name: 'SparseStructureFlowModel', checkpoint, ...choices, taps });
  const { resolution, patch_size: patch, model_channels: channels } = config;
  const grid = resolution / patch;
  const x = g.input('x', 'float32', [1, config.in_channels, resolution, resolution, resolution]);
  const { blocks } = modulationInput(g, layers);
  const conditions = g.input('cond', 'float32', ['B', 'L', config.cond_channels]);
  const cond = g.cast(g.reshape(conditions, ['B*L', config.cond_channels]), g.computeType);
  const batch: ConditionBatch = { like: conditions, rows: grid ** 3 };

  const positions = g.hasWeight('pos_emb')
    ? g.weight('pos_emb', [grid ** 3, channels], { type: 'float32' })
    : g.constant(gridPositions(grid, channels), [grid ** 3, channels]);
  const h = g.tap('h_pos', g.add(g.linear(patchify(g, x, patch), 'input_layer', channels), positions));
  let residual: Residual = { h: g.cast(h, g.computeType) };
  for (let i = 0; i < config.num_blocks; i++) {
    residual = modulatedCrossBlock(g, residual, blocks[i] as Value[], cond, batch, `blocks.${i}`, {
      heads: config.num_heads,
      mlpRatio: config.mlp_ratio,
      qkRmsNorm: config.qk_rms_norm,
      qkRmsNormCross: config.qk_rms_norm_cross,
    });
    residual = tapResidual(g, `h_block${i}`, residual);
  }
  const normed = g.layerNorm(g.cast(residualSum(g, residual), 'float32'), { eps: OUTPUT_NORM_EPS });
  const patches = g.linear(normed, 'out_layer', config.out_channels * patch ** 3);
  g.output('out', unpatchify(g, patches, config.out_channels, grid, patch));
  return asOneNetwork({ times, network: g.build() });
}

/** [1, C, R, R, R] -> [(R/p)^3, C p^3]: channel `((c*p + px)*p + py)*p + pz`, patches row-major in (x, y, z). */
function patchify(g: GraphBuilder, x: Value, p: number): Value {
  const [, channels, resolution] = x.shape as [number, number, number];
  const n = resolution / p;
  const cut = g.reshape(x, [channels, n, p, n, p, n, p]);
  return g.reshape(g.transpose(cut, [1, 3, 5, 0, 2, 4, 6]), [n ** 3, channels * p ** 3]);
}

/** The inverse of `patchify`, for each condition: [B (R/p)^3, C p^3] -> [B, C, R, R, R]. */
function unpatchify(g: GraphBuilder, h: Value, channels: number, n: number, p: number): Value {
  const cut = g.transpose(g.reshape(h, ['B', n, n, n, channels, p, p, p]), [0, 4, 1, 5, 2, 6, 3, 7]);
  return g.reshape(cut, ['B', channels, n * p, n * p, n * p]);
}

export class StructureFlow {
  readonly config: SparseStructureFlowConfig;
  readonly #session: Session;
  readonly #times: FlowTimes;

  private constructor(config: SparseStructureFlowConfig, sessions: Record<'times' | 'network', Session>) {
    this.config = config;
    this.#session = sessions.network;
    this.#times = new FlowTimes(sessions.times);
  }

  /** @throws TerminalError as `openNetwork`. */
  static async open(
    config: SparseStructureFlowConfig,
    weightsPath: string,
    options: NetworkOptions,
  ): Promise<StructureFlow> {
    const sessions = await openGraphs(
      weightsPath,
      async (checkpoint) => buildStructureFlow(config, checkpoint, graphChoices(options)),
      options,
    );
    return new StructureFlow(config, sessions);
  }

  /** Values of the latent grid that `x` and the velocity have. */
  get sampleShape(): readonly number[] {
    const { in_channels, resolution } = this.config;
    return [1, in_channels, resolution, resolution, resolution];
  }

  /** To be called with all times of a sampling before it: see `FlowTimes.prepare`. */
  prepare(times: readonly number[]): Promise<void> {
    return this.#times.prepare(times);
  }

  /**
   * @param x Sample, row-major values of `sampleShape`.
   * @param t 1000 times the sampler's time.
   * @param cond Text states [B, L, cond_channels] of B conditions.
   * @returns `out`, a velocity for each condition, [B, out_channels, R, R, R]; beside it the taps that were asked for.
   */
  async run(x: Float32Array, t: number, cond: Tensor<Float32Array>): Promise<Record<string, Tensor>> {
    const { modulation, ...taps } = await this.#times.at(t);
    const out = await this.#session.run({ x: float32(this.sampleShape, x), cond, modulation: modulation as Tensor });
    return { ...taps, ...out };
  }

  /** The velocities alone, row-major, one for each of `conditions` [1, L, cond_channels]: what a sampler asks for. */
  velocities(x: Float32Array, t: number, conditions: readonly Tensor<Float32Array>[]): Promise<Float32Array[]> {
    return velocitiesOf(conditions, this.#session.device, (cond) => this.run(x, t, cond));
  }

  async release(): Promise<void> {
    await this.#session.release();
    await this.#times.release();
  }
}
