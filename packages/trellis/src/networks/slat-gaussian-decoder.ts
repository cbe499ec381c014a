/**
 * `SLatGaussianDecoder`: structured latent to 3D Gaussians, a fixed number per voxel.
 * Source: TRELLIS `models/structured_latent_vae/decoder_gs.py`, `representations/gaussian/gaussian_model.py`; paper
 * section 3.2.
 *
 * Taps: `blocks.<i>` [N, C].
 */
import type { Gaussians } from '@espalier/geometry';
import { type Checkpoint, type Graph, GraphBuilder, type Session } from '@espalier/onnx';
import { float32, type Tensor } from '@espalier/tensors';
import type { SLatGaussianDecoderConfig } from '../repository/index.ts';
import { voxelCount } from '../sparse/index.ts';
import { activateGaussians, GAUSSIAN_CHANNELS, offsetPerturbation, rawGaussians } from './gaussian-activation.ts';
import { type GraphChoices, graphChoices, type NetworkOptions, openNetwork } from './network.ts';
import { feedTorso, slatTorso } from './slat-torso.ts';
import { SpareMemory } from './spare-memory.ts';

/** Norm without affine part before the output layer. */
const OUTPUT_NORM_EPS = 1e-5;

/** Inputs of `slatTorso`; output `h` float32 [N, 14 * num_gaussians]. */
function buildGaussianDecoder(
  config: SLatGaussianDecoderConfig,
  checkpoint: Checkpoint,
  choices: GraphChoices = {},
): Graph {
  const g = new GraphBuilder({ name: 'SLatGaussianDecoder', checkpoint, ...choices });
  const h = g.layerNorm(g.cast(slatTorso(g, config), 'float32'), { eps: OUTPUT_NORM_EPS });
  g.output('h', g.linear(h, 'out_layer', GAUSSIAN_CHANNELS * config.representation_config.num_gaussians));
  return g.build();
}

export class GaussianDecoder {
  readonly config: SLatGaussianDecoderConfig;
  /** F32 [num_gaussians, 3]: where each Gaussian of a voxel starts from. */
  readonly perturbation: Tensor<Float32Array>;
  readonly #session: Session;
  readonly #spare = new SpareMemory();

  private constructor(config: SLatGaussianDecoderConfig, perturbation: Tensor<Float32Array>, session: Session) {
    this.config = config;
    this.perturbation = perturbation;
    this.#session = session;
  }

  /** @throws TerminalError as `openNetwork`. */
  static async open(
    config: SLatGaussianDecoderConfig,
    weightsPath: string,
    options: NetworkOptions,
  ): Promise<GaussianDecoder> {
    const { num_gaussians: count } = config.representation_config;
    let perturbation = float32([count, 3], offsetPerturbation(config.representation_config));
    const session = await openNetwork(
      weightsPath,
      async (checkpoint) => {
        // A buffer that follows from the config; the checkpoint's own values are preferred to ours.
        const key = 'offset_perturbation';
        if (checkpoint.has(key)) perturbation = await checkpoint.readFloat32(key, [count, 3]);
        return buildGaussianDecoder(config, checkpoint, graphChoices(options));
      },
      options,
    );
    return new GaussianDecoder(config, perturbation, session);
  }

  /**
   * @param voxels [N, 3] inside the config's resolution.
   * @param slat [N, latent_channels], de-normalised.
   * @param memory Memory for `h`. @defaultValue the runtime's
   * @returns `h` [N, 14 * num_gaussians], the raw channels, beside the taps that were asked for.
   */
  async run(voxels: Int32Array, slat: Float32Array, memory?: Float32Array): Promise<Record<string, Tensor>> {
    const into = memory && { h: float32([voxelCount(voxels), this.rawChannels], memory) };
    return this.#session.run(feedTorso(this.#session, this.config, voxels, slat), into);
  }

  /** As `run`, with the activations applied: Gaussian `v * num_gaussians + g` is number g of voxel v. */
  async decode(voxels: Int32Array, slat: Float32Array): Promise<Gaussians> {
    const h = this.#spare.take(voxelCount(voxels) * this.rawChannels);
    await this.run(voxels, slat, h);
    const raw = rawGaussians(h, voxels, this.config, this.perturbation.data);
    this.#spare.giveBack(h);
    return activateGaussians(raw, this.config.representation_config);
  }

  /** Of a voxel. */
  get rawChannels(): number {
    return GAUSSIAN_CHANNELS * this.config.representation_config.num_gaussians;
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}
