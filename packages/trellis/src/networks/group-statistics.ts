/** Norm over all voxels, computed beside the graphs: its statistics need all rows, the graphs see some at a time. */

/** Groups of `SparseGroupNorm32` (Wu & He 2018). */
const GROUPS = 32;
const EPS = 1e-5;

/** A norm as what it does to each channel: `x * scale + shift`. */
export interface ChannelAffine {
  readonly scale: Float32Array;
  readonly shift: Float32Array;
}

/**
 * Mean and variance of groups of channels over all rows, fed in parts. Sums are kept in float64, around the first row
 * so that a mean far from zero costs no precision.
 */
export class GroupStatistics {
  readonly #channels: number;
  readonly #origin: Float32Array;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  #rows = 0;

  /** @param channels A multiple of 32. */
  constructor(channels: number) {
    this.#channels = channels;
    this.#origin = new Float32Array(channels);
    this.#sum = new Float64Array(channels);
    this.#squares = new Float64Array(channels);
  }

  /** @param rows Row-major values of whole rows. */
  add(rows: Float32Array): void {
    const channels = this.#channels;
    if (this.#rows === 0) this.#origin.set(rows.subarray(0, channels));
    const origin = this.#origin;
    const sum = this.#sum;
    const squares = this.#squares;
    for (let at = 0; at < rows.length; at += channels) {
      for (let channel = 0; channel < channels; channel++) {
        const value = (rows[at + channel] as number) - (origin[channel] as number);
        sum[channel] = (sum[channel] as number) + value;
        squares[channel] = (squares[channel] as number) + value * value;
      }
    }
    this.#rows += rows.length / channels;
  }

  /**
   * The norm with biased variance and eps 1e-5, and its affine part.
   * @param weight [channels]
   * @param bias [channels]
   */
  norm(weight: Float32Array, bias: Float32Array): ChannelAffine {
    const width = this.#channels / GROUPS;
    const scale = new Float32Array(this.#channels);
    const shift = new Float32Array(this.#channels);
    for (let group = 0; group < GROUPS; group++) {
      const { mean, variance } = this.#moments(group * width, (group + 1) * width);
      const inverse = 1 / Math.sqrt(variance + EPS);
      for (let channel = group * width; channel < (group + 1) * width; channel++) {
        scale[channel] = (weight[channel] as number) * inverse;
        shift[channel] = (bias[channel] as number) - mean * inverse * (weight[channel] as number);
      }
    }
    return { scale, shift };
  }

  /** Moments of channels `from` to `to` taken together. */
  #moments(from: number, to: number): { mean: number; variance: number } {
    const rows = this.#rows;
    let mean = 0;
    for (let channel = from; channel < to; channel++) mean += this.#meanOf(channel) / (to - from);
    let variance = 0;
    for (let channel = from; channel < to; channel++) {
      const offset = (this.#sum[channel] as number) / rows;
      const within = Math.max(0, (this.#squares[channel] as number) / rows - offset * offset);
      variance += (within + (this.#meanOf(channel) - mean) ** 2) / (to - from);
    }
    return { mean, variance };
  }

  #meanOf(channel: number): number {
    return (this.#origin[channel] as number) + (this.#sum[channel] as number) / this.#rows;
  }
}
