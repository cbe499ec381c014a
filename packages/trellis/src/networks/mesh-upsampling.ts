/**
 * One block of the mesh decoder that splits every voxel into eight: norm, SiLU, subdivision, convolution, norm, SiLU,
 * convolution, around a skip. Source: TRELLIS `decoder_mesh.py`, `SparseSubdivideBlock3d`.
 *
 * Features stand in plain arrays between the calls; those that are gathered from have one row of zeros at their end,
 * which is what absent neighbours point at.
 */
import type { Session } from '@espalier/onnx';
import { float32, int32, type Tensor } from '@espalier/tensors';
import { KERNEL_TAPS, OCTANTS, subdivideNeighbours } from '../sparse/index.ts';
import type { ChunkedWork } from './chunked-work.ts';
import { type ChannelAffine, GroupStatistics } from './group-statistics.ts';
import type { BlockNorms } from './mesh-decoder-graphs.ts';

/**
 * Voxels whose children are worked on in one call, unless something else is asked for.
 *
 * On the CPU a call reads the features where they lie, and 4096 children keep the gathered neighbours in tens of
 * megabytes. To a GPU each call carries all features anew, half a gigabyte at full size: so few calls, with gathered
 * neighbours of gigabytes, which it has.
 */
export const PARENTS_PER_CALL = { cpu: 512, cuda: 32_768 } as const;

export interface UpsamplingSessions {
  readonly activation: Session;
  readonly enter: Session;
  readonly first: Session;
  readonly second: Session;
}

export interface UpsamplingShape {
  readonly channels: number;
  readonly outputs: number;
  /** Channels of `cells`, in the last block. */
  readonly cells: number | undefined;
  /** Voxels whose children are worked on in one call. */
  readonly parentsPerCall: number;
}

export interface Upsampled {
  /** [8 P + 1, outputs]; in the last block only when it was asked for. */
  readonly y: Float32Array;
  /** [8 P, cells], in the last block. */
  readonly cells: Float32Array;
}

export class MeshUpsampling {
  readonly shape: UpsamplingShape;
  readonly #sessions: UpsamplingSessions;
  readonly #norms: BlockNorms;

  constructor(shape: UpsamplingShape, sessions: UpsamplingSessions, norms: BlockNorms) {
    this.shape = shape;
    this.#sessions = sessions;
    this.#norms = norms;
  }

  /** Multiplications per voxel, by which progress is told. */
  get cost(): number {
    const { channels, outputs, cells = 0 } = this.shape;
    const enter = channels * outputs;
    return enter + OCTANTS * (8 * channels * outputs + KERNEL_TAPS * outputs * outputs + outputs * cells);
  }

  /**
   * @param x [P + 1, channels] with a last row of zeros; overwritten.
   * @param neighbours [P, 27]
   */
  async run(x: Float32Array, neighbours: Int32Array, work: ChunkedWork): Promise<Upsampled> {
    const { channels, outputs } = this.shape;
    const parents = neighbours.length / KERNEL_TAPS;
    const skip = await this.#enter(x, parents, work);
    const h = new Float32Array((parents * OCTANTS + 1) * outputs);
    const statistics = new GroupStatistics(outputs);
    for (const [from, to] of ranges(parents, this.shape.parentsPerCall)) {
      const { y } = await this.#sessions.first.run({
        x: float32([parents + 1, channels], x),
        neighbours: int32([to - from, KERNEL_TAPS], neighbours.subarray(from * KERNEL_TAPS, to * KERNEL_TAPS)),
      });
      const rows = y?.data as Float32Array;
      h.set(rows, from * OCTANTS * outputs);
      statistics.add(rows);
      await work.advance((to - from) * OCTANTS * 8 * channels * outputs);
    }
    await this.#activate(h, parents, statistics);
    return this.#second(h, skip, neighbours, work);
  }

  /** Norm and SiLU of `x` in place; gives what goes around the block, [P, outputs]. */
  async #enter(x: Float32Array, parents: number, work: ChunkedWork): Promise<Float32Array> {
    const { channels, outputs } = this.shape;
    const statistics = new GroupStatistics(channels);
    statistics.add(x.subarray(0, parents * channels));
    const affine = affineFeeds(statistics.norm(this.#norms.first.weight, this.#norms.first.bias));
    const skip = new Float32Array(parents * outputs);
    for (const [from, to] of ranges(parents, this.shape.parentsPerCall * OCTANTS)) {
      const part = x.subarray(from * channels, to * channels);
      const out = await this.#sessions.enter.run({ x: float32([to - from, channels], part), ...affine });
      part.set(out.y?.data as Float32Array);
      skip.set(out.skip?.data as Float32Array, from * outputs);
      await work.advance((to - from) * channels * outputs);
    }
    return skip;
  }

  async #activate(h: Float32Array, parents: number, statistics: GroupStatistics): Promise<void> {
    const { outputs } = this.shape;
    const affine = affineFeeds(statistics.norm(this.#norms.second.weight, this.#norms.second.bias));
    for (const [from, to] of ranges(parents, this.shape.parentsPerCall)) {
      const part = h.subarray(from * OCTANTS * outputs, to * OCTANTS * outputs);
      const x = float32([(to - from) * OCTANTS, outputs], part);
      part.set((await this.#sessions.activation.run({ x, ...affine })).y?.data as Float32Array);
    }
  }

  async #second(h: Float32Array, skip: Float32Array, neighbours: Int32Array, work: ChunkedWork): Promise<Upsampled> {
    const { outputs, cells = 0 } = this.shape;
    const parents = skip.length / outputs;
    const features = new Float32Array(parents * OCTANTS * cells);
    const table = new Int32Array(Math.min(parents, this.shape.parentsPerCall) * OCTANTS * KERNEL_TAPS);
    let y = new Float32Array(0);
    for (const [from, to] of ranges(parents, this.shape.parentsPerCall)) {
      const children = (to - from) * OCTANTS;
      subdivideNeighbours(neighbours, from, to, table);
      const out = await this.#sessions.second.run({
        x: float32([parents * OCTANTS + 1, outputs], h),
        neighbours: int32([children, KERNEL_TAPS], table.subarray(0, children * KERNEL_TAPS)),
        skip: float32([to - from, outputs], skip.subarray(from * outputs, to * outputs)),
      });
      if (out.cells !== undefined) features.set(out.cells.data as Float32Array, from * OCTANTS * cells);
      if (out.y !== undefined) {
        if (y.length === 0) y = new Float32Array((parents * OCTANTS + 1) * outputs);
        y.set(out.y.data as Float32Array, from * OCTANTS * outputs);
      }
      await work.advance(children * (KERNEL_TAPS * outputs * outputs + outputs * cells));
    }
    return { y, cells: features };
  }
}

function* ranges(count: number, size: number): Generator<[number, number]> {
  for (let from = 0; from < count; from += size) yield [from, Math.min(count, from + size)];
}

function affineFeeds({ scale, shift }: ChannelAffine): Record<string, Tensor> {
  return { scale: float32([scale.length], scale), shift: float32([shift.length], shift) };
}
