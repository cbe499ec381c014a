/**
 * What a flow model makes of the time alone: the embedding, and from it scales, shifts and gates of all its layers. A graph
 * of its own, since both velocities of a guided step share it, and since its layers have a fifth of the model's weights
 * for one row: on a GPU all times of a schedule cost what one does.
 * Source: TRELLIS `models/sparse_structure_flow.py`, `models/structured_latent_flow.py`.
 */
import { type Checkpoint, type Graph, GraphBuilder, type Session, type Value } from '@espalier/onnx';
import { float32, type Tensor } from '@espalier/tensors';
import {
  embeddedAffine,
  modulation,
  TIME_FEATURES,
  timestepEmbedder,
  timestepFeatures,
  unitScales,
} from './blocks/index.ts';
import type { GraphChoices } from './network.ts';

export interface TimedLayers {
  readonly model_channels: number;
  readonly num_blocks: number;
  /** The modulation is one layer of the model, not one of each block. */
  readonly share_mod: boolean;
  /** Residual blocks, with a scale and a shift of their own. */
  readonly residual: readonly { readonly key: string; readonly outputs: number }[];
}

/** Parts of a transformer block's modulation: shift, 1 + scale, gate of self attention, then of the MLP. */
const BLOCK_PARTS = 6;

/** Modulations of the network's layers, each value [C]. */
export interface Modulations {
  /** Of each transformer block. */
  readonly blocks: readonly (readonly Value[])[];
  /** 1 + scale and shift of each residual block, by its key. */
  readonly residual: ReadonlyMap<string, readonly [scale: Value, shift: Value]>;
}

/** Input `t_freq` [S, 256]; output `modulation` [S, all parts] in the compute type. Tap: `t_emb` [S, C]. */
export function buildTimes(layers: TimedLayers, checkpoint: Checkpoint, choices: GraphChoices): Graph {
  const taps = (choices.taps ?? []).filter((tap) => tap === 't_emb');
  const g = new GraphBuilder({ name: 'times of a flow model', checkpoint, ...choices, taps });
  const { model_channels: channels, num_blocks: blocks } = layers;
  const embedding = g.tap('t_emb', timestepEmbedder(g, g.input('t_freq', 'float32', ['S', TIME_FEATURES]), channels));
  const parts: Value[] = [];
  if (layers.share_mod) {
    parts.push(unitScales(g, g.cast(modulation(g, g.silu(embedding), 'adaLN_modulation'), g.computeType)));
  }
  const activated = g.silu(g.cast(embedding, g.computeType));
  if (!layers.share_mod) {
    for (let i = 0; i < blocks; i++) {
      parts.push(unitScales(g, modulation(g, activated, `blocks.${i}.adaLN_modulation`)));
    }
  }
  for (const { key, outputs } of layers.residual) parts.push(embeddedAffine(g, activated, key, outputs));
  g.output('modulation', g.concat(parts, 1));
  return g.build();
}

/**
 * Declares the input `modulation` [all parts] of the network, one row of what `buildTimes` gives. The blocks' parts are cut
 * at once, those of residual blocks one by one: of parts of different lengths, the runtime's CUDA kernel has a table of
 * all elements made and carried over each time.
 */
export function modulationInput(g: GraphBuilder, layers: TimedLayers): Modulations {
  const { model_channels: channels, num_blocks: blocks, share_mod: shared } = layers;
  const parts = (shared ? 1 : blocks) * BLOCK_PARTS;
  const total = layers.residual.reduce((sum, { outputs }) => sum + 2 * outputs, parts * channels);
  const all = g.input('modulation', g.computeType, [total]);
  const values = g.split(g.slice(all, 0, parts * channels, 0), new Array<number>(parts).fill(channels), 0);
  const partsOf = (block: number) => values.slice(block * BLOCK_PARTS, (block + 1) * BLOCK_PARTS);
  let begin = parts * channels;
  const next = (count: number) => {
    begin += count;
    return g.slice(all, begin - count, begin, 0);
  };
  const residual = new Map(layers.residual.map(({ key, outputs }) => [key, [next(outputs), next(outputs)] as const]));
  return { blocks: Array.from({ length: blocks }, (_, i) => partsOf(shared ? 0 : i)), residual };
}

/** What is known of one time: `modulation` [all parts], and the tap when it was asked for, [1, C]. */
type Known = Readonly<Record<string, Tensor>>;

export class FlowTimes {
  readonly #session: Session;
  readonly #known = new Map<number, Known>();

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * Works out all times of a sampling at once, where that saves anything. On the CPU it does not, and products of many rows
   * would differ from those of one in their last bits.
   * @param times As networks take them: 1000 times the sampler's time.
   */
  async prepare(times: readonly number[]): Promise<void> {
    if (this.#session.device === 'cpu' || times.every((t) => this.#known.has(t))) return;
    this.#known.clear();
    await this.#workOut([...new Set(times)]);
  }

  async at(t: number): Promise<Known> {
    if (!this.#known.has(t)) {
      this.#known.clear();
      await this.#workOut([t]);
    }
    return this.#known.get(t) as Known;
  }

  async #workOut(times: readonly number[]): Promise<void> {
    const features = new Float32Array(times.length * TIME_FEATURES);
    for (const [i, t] of times.entries()) features.set(timestepFeatures(t).data, i * TIME_FEATURES);
    const results = await this.#session.run({ t_freq: float32([times.length, TIME_FEATURES], features) });
    for (const [row, t] of times.entries()) {
      const rows = Object.entries(results).map(([name, tensor]) => [name, rowOf(tensor, row, name === 'modulation')]);
      this.#known.set(t, Object.fromEntries(rows) as Known);
    }
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** One row of a matrix, [C] or [1, C]. */
function rowOf({ dtype, shape, data }: Tensor, row: number, flat: boolean): Tensor {
  const width = shape[1] as number;
  const values = data.subarray(row * width, (row + 1) * width) as typeof data;
  return { dtype, shape: flat ? [width] : [1, width], data: values };
}
