/**
 * `SLatFlowModel`: velocity of the structured latent. Residual blocks with sparse convolutions lead down to a coarser
 * grid and back up; in between, a transformer attends to all coarse voxels and to the text.
 * Source: TRELLIS `models/structured_latent_flow.py`; paper section 3.3 and appendix A.
 *
 * Taps: `t_emb` [1, C], `h_in`, `input_blocks.<i>`, `h_pos`, `blocks.<i>`, `out_blocks.<i>`.
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
import { float32, int32, type Tensor } from '@espalier/tensors';
import type { SLatFlowConfig } from '../repository/index.ts';
import { downsample, KERNEL_TAPS, neighbourTable, voxelCount } from '../sparse/index.ts';
import {
  addPositions,
  type ChunkedTable,
  type ConditionBatch,
  chunkedTable,
  cutTable,
  feedCuts,
  feedPooling,
  feedTable,
  modulatedCrossBlock,
  type Pooling,
  poolingInputs,
  repeatedRows,
  shiftedRows,
  sparseResBlock,
  upsampledTable,
} from './blocks/index.ts';
import { buildTimes, FlowTimes, modulationInput, type TimedLayers } from './flow-times.ts';
import { velocitiesOf } from './guided-velocities.ts';
import { asOneNetwork, type GraphChoices, graphChoices, type NetworkOptions, openGraphs } from './network.ts';

/** Norm without affine part before the output layer. */
const OUTPUT_NORM_EPS = 1e-5;

/** Step from one grid to the next coarser one. */
interface Level {
  /** Neighbours on the fine grid. */
  readonly table: ChunkedTable;
  readonly pooling: Pooling;
  /** Behind the transformer, where the voxels are there once for each condition. */
  readonly back: {
    readonly table: ChunkedTable;
    readonly parents: Value;
    readonly upsampled: ChunkedTable;
  };
}

/** Residual blocks in the order of the network: down from the finest grid, then up again. */
function residualBlocks(config: SLatFlowConfig): { key: string; outputs: number }[] {
  const io = config.io_block_channels ?? [];
  const repeated = (width: number) => new Array<number>(config.num_io_res_blocks - 1).fill(width);
  const down = io.flatMap((width, level) => [...repeated(width), io[level + 1] ?? config.model_channels]);
  const up = [...io].reverse().flatMap((width) => [width, ...repeated(width)]);
  return [
    ...down.map((outputs, i) => ({ key: `input_blocks.${i}`, outputs })),
    ...up.map((outputs, i) => ({ key: `out_blocks.${i}`, outputs })),
  ];
}

/**
 * `times` of `buildTimes`, and `network`: inputs `x` [N0, in_channels], `cond` [B, L, cond_channels], `modulation`,
 * `coords` [Nk, 3] of the coarsest voxels, and the tables of `SLatFlowTables`; output `out` [B N0, out_channels], the
 * rows of each condition one behind another; floats are float32 but for the modulation.
 * @throws TerminalError `CHECKPOINT_MISMATCH` naming the weight.
 */
function buildSLatFlow(
  config: SLatFlowConfig,
  checkpoint: Checkpoint,
  choices: GraphChoices = {},
): Record<'times' | 'network', Graph> {
  const layers: TimedLayers = { ...config, residual: residualBlocks(config) };
  const times = buildTimes(layers, checkpoint, choices);
  const taps = (choices.taps ?? []).filter((tap) => tap !== 't_emb');
  const g = new GraphBuilder({ name: 'SLatFlowModel', checkpoint, ...choices, taps });
  const { model_channels: channels } = config;
  const io = config.io_block_channels ?? [];
  const x = g.input('x', 'float32', ['N0', config.in_channels]);
  const mod = modulationInput(g, layers);
  const conditions = g.input('cond', 'float32', ['B', 'L', config.cond_channels]);
  const cond = g.cast(g.reshape(conditions, ['B*L', config.cond_channels]), g.computeType);
  const batchAt = (level: number): ConditionBatch => ({ like: conditions, rows: `N${level}` });
  const coords = g.input('coords', 'int32', [`N${io.length}`, 3]);
  const levels = io.map((_, level) => declareLevel(g, level, batchAt));
  const coarsest = io.length === 0 ? undefined : chunkedTable(g, `neighbours.${io.length}`, `N${io.length}`);
  const tableOf = (level: number) => (levels[level]?.table ?? coarsest) as ChunkedTable;
  const coarse = batchAt(io.length);

  let h = g.linear(x, 'input_layer', io[0] ?? channels);
  h = g.cast(g.tap('h_in', h), g.computeType);

  const affineOf = (key: string) => mod.residual.get(key) as readonly [Value, Value];
  const skips: { readonly h: Value; readonly level: number }[] = [];
  const inputBlock = (level: number, ...[outputs, resampling]: BlockArguments) => {
    const key = `input_blocks.${skips.length}`;
    h = g.tap(key, sparseResBlock(g, h, affineOf(key), key, outputs, tableOf(level), resampling));
    skips.push({ h, level });
  };
  for (const [level, width] of io.entries()) {
    const { pooling } = levels[level] as Level;
    for (let i = 1; i < config.num_io_res_blocks; i++) inputBlock(level, width);
    inputBlock(level + 1, io[level + 1] ?? channels, { direction: 'down', pooling });
  }

  const positions = Math.ceil(config.resolution / 2 ** io.length);
  h = g.tap('h_pos', addPositions(g, g.cast(h, 'float32'), coords, positions));
  let residual: Residual = { h: g.cast(h, g.computeType) };
  for (let i = 0; i < config.num_blocks; i++) {
    residual = modulatedCrossBlock(g, residual, mod.blocks[i] as Value[], cond, coarse, `blocks.${i}`, {
      heads: config.num_heads,
      mlpRatio: config.mlp_ratio,
      qkRmsNorm: config.qk_rms_norm,
      qkRmsNormCross: false,
    });
    residual = tapResidual(g, `blocks.${i}`, residual);
  }
  h = residualSum(g, residual);

  let index = 0;
  const outputBlock = (level: number, ...[outputs, resampling]: BlockArguments) => {
    const skip = skips.pop() as (typeof skips)[number];
    const joined = config.use_skip_connection ? g.concat([h, repeatedRows(g, skip.h, batchAt(skip.level))], 1) : h;
    const key = `out_blocks.${index++}`;
    const { table } = (levels[level] as Level).back;
    h = g.tap(key, sparseResBlock(g, joined, affineOf(key), key, outputs, table, resampling));
  };
  for (const [level, width] of [...io.entries()].reverse()) {
    const { parents, upsampled } = (levels[level] as Level).back;
    outputBlock(level, width, { direction: 'up', parents, table: upsampled });
    for (let i = 1; i < config.num_io_res_blocks; i++) outputBlock(level, width);
  }
  const normed = g.layerNorm(g.cast(h, 'float32'), { eps: OUTPUT_NORM_EPS });
  g.output('out', g.linear(normed, 'out_layer', config.out_channels));
  return asOneNetwork({ times, network: g.build() });
}

type BlockArguments = [outputs: number, resampling?: Parameters<typeof sparseResBlock>[6]];

function declareLevel(g: GraphBuilder, level: number, batchAt: (level: number) => ConditionBatch): Level {
  const [fine, coarse] = [batchAt(level), batchAt(level + 1)];
  const table = chunkedTable(g, `neighbours.${level}`, fine.rows as string);
  // Where the rows of each condition begin among those that a table points at.
  const shifted = (rows: Value, name: string) => shiftedRows(g, rows, g.input(`${name}.starts`, 'int32', ['B']), fine);
  const back = (whole: Value, name: string, batch: ConditionBatch): ChunkedTable => ({
    ...cutTable(g, shifted(whole, `${name}.${level}.back`), `${name}.${level}.back`),
    batch,
  });
  const upsampled = g.input(`upsampled.${level}`, 'int32', [fine.rows, KERNEL_TAPS]);
  return {
    table,
    pooling: poolingInputs(g, `pooling.${level}`, coarse.rows as string),
    back: {
      table: back(table.whole, 'neighbours', fine),
      parents: shifted(g.input(`parents.${level}`, 'int32', [fine.rows]), `parents.${level}.back`),
      upsampled: back(upsampled, 'upsampled', coarse),
    },
  };
}

/** All inputs of the graph that follow from the voxels and the number of conditions: made once per job, fed at every step. */
export class SLatFlowTables {
  /** Voxels of the latent. */
  readonly rows: number;
  /** Voxels that the transformer works on, [M, 3]. */
  readonly coarsest: Int32Array;
  readonly #feeds: Readonly<Record<string, Tensor>>;
  /** Of each grid, from the finest on. */
  readonly #voxels: readonly number[];

  /** @param voxels [N, 3] inside the model's resolution, none twice. */
  constructor(config: Pick<SLatFlowConfig, 'io_block_channels'>, voxels: Int32Array) {
    const feeds: Record<string, Tensor> = {};
    const depth = config.io_block_channels?.length ?? 0;
    const counts = [voxelCount(voxels)];
    let fine = voxels;
    for (let level = 0; level < depth; level++) {
      const neighbours = neighbourTable(fine);
      const down = downsample(fine);
      const upsampled = upsampledTable(neighbours, down.parents, voxelCount(down.voxels));
      Object.assign(feeds, feedTable(`neighbours.${level}`, neighbours), feedPooling(`pooling.${level}`, down));
      feeds[`upsampled.${level}`] = int32([voxelCount(fine), KERNEL_TAPS], upsampled);
      feeds[`parents.${level}`] = int32([down.parents.length], down.parents);
      fine = down.voxels;
      counts.push(voxelCount(fine));
    }
    if (depth > 0) Object.assign(feeds, feedTable(`neighbours.${depth}`, neighbourTable(fine)));
    feeds.coords = int32([voxelCount(fine), 3], fine);
    this.rows = voxelCount(voxels);
    this.coarsest = fine;
    this.#feeds = feeds;
    this.#voxels = counts;
  }

  /** For so many conditions at once. */
  feeds(conditions: number): Record<string, Tensor> {
    const feeds: Record<string, Tensor> = { ...this.#feeds };
    const starts = (each: number) =>
      int32(
        [conditions],
        Int32Array.from({ length: conditions }, (_, i) => i * each),
      );
    for (const [level, coarse] of this.#voxels.slice(1).entries()) {
      const fine = this.#voxels[level] as number;
      for (const name of ['neighbours', 'upsampled']) {
        Object.assign(feeds, feedCuts(`${name}.${level}.back`, conditions * fine));
      }
      // Each condition's rows end in a row of zeros, of products in one for each tap.
      feeds[`neighbours.${level}.back.starts`] = starts(fine + 1);
      feeds[`upsampled.${level}.back.starts`] = starts((coarse + 1) * KERNEL_TAPS);
      feeds[`parents.${level}.back.starts`] = starts(coarse);
    }
    return feeds;
  }
}

export class SLatFlow {
  readonly config: SLatFlowConfig;
  readonly #session: Session;
  readonly #times: FlowTimes;

  private constructor(config: SLatFlowConfig, sessions: Record<'times' | 'network', Session>) {
    this.config = config;
    this.#session = sessions.network;
    this.#times = new FlowTimes(sessions.times);
  }

  /** @throws TerminalError as `openNetwork`. */
  static async open(config: SLatFlowConfig, weightsPath: string, options: NetworkOptions): Promise<SLatFlow> {
    const build = async (checkpoint: Checkpoint) => buildSLatFlow(config, checkpoint, graphChoices(options));
    return new SLatFlow(config, await openGraphs(weightsPath, build, options));
  }

  /** Prepares the index tables of a set of voxels [N, 3]. */
  tables(voxels: Int32Array): SLatFlowTables {
    return new SLatFlowTables(this.config, voxels);
  }

  /** To be called with all times of a sampling before it: see `FlowTimes.prepare`. */
  prepare(times: readonly number[]): Promise<void> {
    return this.#times.prepare(times);
  }

  /**
   * @param x Sample [N, in_channels], row-major values.
   * @param t 1000 times the sampler's time.
   * @param cond Text states [B, L, cond_channels] of B conditions.
   * @returns `out` [B N, out_channels], the velocities one behind another; beside it the taps that were asked for.
   */
  async run(
    x: Float32Array,
    t: number,
    cond: Tensor<Float32Array>,
    tables: SLatFlowTables,
  ): Promise<Record<string, Tensor>> {
    const { modulation, ...taps } = await this.#times.at(t);
    const out = await this.#session.run({
      ...tables.feeds(cond.shape[0] as number),
      x: float32([tables.rows, this.config.in_channels], x),
      modulation: modulation as Tensor,
      cond,
    });
    return { ...taps, ...out };
  }

  /** The velocities alone, one for each of `conditions` [1, L, cond_channels], as samplers ask for them. */
  velocities(
    x: Float32Array,
    t: number,
    conditions: readonly Tensor<Float32Array>[],
    tables: SLatFlowTables,
  ): Promise<Float32Array[]> {
    return velocitiesOf(conditions, this.#session.device, (cond) => this.run(x, t, cond, tables));
  }

  async release(): Promise<void> {
    await this.#session.release();
    await this.#times.release();
  }
}
