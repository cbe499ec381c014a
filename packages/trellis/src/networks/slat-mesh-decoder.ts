/**
 * `SLatMeshDecoder`: structured latent to the cells that FlexiCubes makes a mesh of, on a grid four times as fine.
 *
 * Taps: `blocks.<i>` [N, C], `upsample.0` [8 N, C / 4], `upsample.1` [64 N, C / 8].
 */
import { type Checkpoint, isCudaInstalled, type Session } from '@espalier/onnx';
import { float32, type Tensor } from '@espalier/tensors';
import type { SLatMeshDecoderConfig } from '../repository/index.ts';
import {
  KERNEL_TAPS,
  neighbourTable,
  OCTANTS,
  subdivideNeighbours,
  subdivideTwice,
  voxelCount,
} from '../sparse/index.ts';
import { ChunkedWork, type WorkOptions } from './chunked-work.ts';
import {
  type BlockNorms,
  buildMeshDecoder,
  cellChannels,
  type MeshDecoderGraph,
  readBlockNorms,
  upsampleChannels,
} from './mesh-decoder-graphs.ts';
import { buildWholeMeshDecoder, runWholeMeshDecoder } from './mesh-decoder-whole.ts';
import { MeshUpsampling, PARENTS_PER_CALL } from './mesh-upsampling.ts';
import { graphChoices, type NetworkOptions, openGraphs, openNetwork } from './network.ts';
import { feedTorso } from './slat-torso.ts';
import { SpareMemory, takeOver } from './spare-memory.ts';

export interface MeshDecoderOptions extends NetworkOptions {
  /** Voxels whose eight children each call works on: memory against the overhead of calls. @defaultValue by device */
  readonly parentsPerCall?: number | undefined;
  /** One graph that holds all, in place of many calls with features on the host. @defaultValue on CUDA */
  readonly whole?: boolean | undefined;
}

export interface DecodedCells {
  /** [64 N, 3], eight consecutive rows per parent, twice over. */
  readonly voxels: Int32Array;
  /** [64 N, 101]; [64 N, 53] for a model without colour. From the start of a buffer of its own, which may be longer. */
  readonly features: Float32Array;
  /** Extent of the cells' grid on every axis. */
  readonly resolution: number;
  /** Intermediate values that were asked for. */
  readonly taps: Readonly<Record<string, Tensor>>;
}

/** Opened by {@link MeshDecoder.open}. */
export abstract class MeshDecoder {
  abstract readonly config: SLatMeshDecoderConfig;

  /** @throws TerminalError as `openNetwork`. */
  static async open(
    config: SLatMeshDecoderConfig,
    weightsPath: string,
    options: MeshDecoderOptions,
  ): Promise<MeshDecoder> {
    const { device } = options;
    if (options.whole ?? (device === 'cuda' || (device === 'auto' && isCudaInstalled()))) {
      const build = (checkpoint: Checkpoint) => buildWholeMeshDecoder(config, checkpoint, graphChoices(options));
      const session = await openNetwork(weightsPath, build, options);
      if (session.device === 'cuda' || options.whole) return new WholeMeshDecoder(config, session);
      await session.release();
    }
    return PortionedMeshDecoder.open(config, weightsPath, options);
  }

  /**
   * @param voxels [N, 3] inside the config's resolution, none twice.
   * @param slat [N, latent_channels], de-normalised.
   * @throws CancelledError between two calls, when the signal is aborted.
   */
  abstract decode(voxels: Int32Array, slat: Float32Array, options?: WorkOptions): Promise<DecodedCells>;

  /**
   * Takes memory for the next cells from those that are done with. Not needed: else it is garbage like any other.
   * @param features Of `decode`, or an array from the start of its buffer, which may have been to another thread. They are
   *   empty from now on.
   */
  abstract giveBack(features: Float32Array): void;

  abstract release(): Promise<void>;
}

/** Everything in one call on a device that has the memory for it. */
class WholeMeshDecoder extends MeshDecoder {
  readonly config: SLatMeshDecoderConfig;
  readonly #session: Session;
  readonly #spare = new SpareMemory();

  constructor(config: SLatMeshDecoderConfig, session: Session) {
    super();
    this.config = config;
    this.#session = session;
  }

  async decode(voxels: Int32Array, slat: Float32Array, options: WorkOptions = {}): Promise<DecodedCells> {
    const work = new ChunkedWork(1, options);
    await work.advance(0);
    const features = this.#spare.take(voxelCount(voxels) * OCTANTS ** 2 * cellChannels(this.config));
    const { cells: _, ...taps } = await runWholeMeshDecoder(this.#session, this.config, voxels, slat, features);
    await work.advance(1);
    return { voxels: subdivideTwice(voxels), features, resolution: this.config.resolution * 4, taps };
  }

  giveBack(features: Float32Array): void {
    this.#spare.giveBack(features);
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** Features on the host, a graph for each layer: memory stays small, progress is told. */
class PortionedMeshDecoder extends MeshDecoder {
  readonly config: SLatMeshDecoderConfig;
  readonly #sessions: Readonly<Record<MeshDecoderGraph, Session>>;
  readonly #blocks: readonly MeshUpsampling[];
  readonly #taps: readonly string[];

  private constructor(
    config: SLatMeshDecoderConfig,
    sessions: Readonly<Record<MeshDecoderGraph, Session>>,
    norms: readonly BlockNorms[],
    { taps = [], parentsPerCall = PARENTS_PER_CALL[sessions.torso.device] }: MeshDecoderOptions,
  ) {
    super();
    this.config = config;
    this.#sessions = sessions;
    this.#taps = taps;
    this.#blocks = upsampleChannels(config).map(([channels, outputs], index) => {
      const part = (name: 'enter' | 'first' | 'second') => sessions[`${name}.${index}` as MeshDecoderGraph];
      return new MeshUpsampling(
        { channels, outputs, cells: index === 1 ? cellChannels(config) : undefined, parentsPerCall },
        { activation: sessions.activation, enter: part('enter'), first: part('first'), second: part('second') },
        norms[index] as BlockNorms,
      );
    });
  }

  static override async open(
    config: SLatMeshDecoderConfig,
    weightsPath: string,
    options: MeshDecoderOptions,
  ): Promise<MeshDecoder> {
    let norms: BlockNorms[] = [];
    const sessions = await openGraphs(
      weightsPath,
      async (checkpoint) => {
        norms = await readBlockNorms(config, checkpoint);
        return buildMeshDecoder(config, checkpoint, graphChoices(options));
      },
      options,
    );
    return new PortionedMeshDecoder(config, sessions, norms, options);
  }

  async decode(voxels: Int32Array, slat: Float32Array, options: WorkOptions = {}): Promise<DecodedCells> {
    const rows = voxelCount(voxels);
    const torso = rows * this.config.num_blocks * 12 * this.config.model_channels ** 2;
    const upsampling = this.#blocks.reduce((sum, { cost }, level) => sum + rows * OCTANTS ** level * cost, 0);
    const work = new ChunkedWork(torso + upsampling, options);
    await work.advance(0);
    const session = this.#sessions.torso;
    const { h, ...blocks } = await session.run(feedTorso(session, this.config, voxels, slat));
    await work.advance(torso);
    const taps: Record<string, Tensor> = blocks;
    let x = withSpareRow(h?.data as Float32Array, this.config.model_channels);
    let cells = x;
    let table = neighbourTable(voxels);
    for (const [level, block] of this.#blocks.entries()) {
      if (level > 0) table = childTable(table);
      const out = await block.run(x, table, work);
      if (this.#taps.includes(`upsample.${level}`)) {
        const { outputs } = block.shape;
        // A copy without the spare row: the next block writes over these features.
        taps[`upsample.${level}`] = float32([out.y.length / outputs - 1, outputs], out.y.slice(0, -outputs));
      }
      x = out.y;
      cells = out.cells;
    }
    return { voxels: subdivideTwice(voxels), features: cells, resolution: this.config.resolution * 4, taps };
  }

  /** Keeps none of it: beside what the CPU takes for a mesh, the time to get memory is nothing. */
  giveBack(features: Float32Array): void {
    takeOver(features);
  }

  async release(): Promise<void> {
    for (const session of Object.values(this.#sessions)) await session.release();
  }
}

function withSpareRow(x: Float32Array, channels: number): Float32Array {
  const out = new Float32Array(x.length + channels);
  out.set(x);
  return out;
}

function childTable(parents: Int32Array): Int32Array {
  const rows = parents.length / KERNEL_TAPS;
  return subdivideNeighbours(parents, 0, rows, new Int32Array(parents.length * OCTANTS));
}
