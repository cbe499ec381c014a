/** A whole text-to-3D model: prompt to condition, to occupied voxels, to structured latent, to cells and Gaussians. */
import { type Device, type Logger, TerminalError } from '@espalier/contracts';
import { FEATURE_CHANNELS, type Gaussians } from '@espalier/geometry';
import { elementCount, float32, type Tensor, type TorchGenerator } from '@espalier/tensors';
import { ModelNetworks } from './model-networks.ts';
import type { WorkOptions } from './networks/chunked-work.ts';
import type { MeshDecoder } from './networks/slat-mesh-decoder.ts';
import { denormalise } from './networks/slat-normalization.ts';
import { occupiedVoxels } from './networks/structure-decoder.ts';
import { ModelRepository } from './repository/index.ts';
import { FlowEulerSampler, type SamplerOverrides, type SamplerState, type SamplerStep } from './samplers/index.ts';
import { voxelsFromCoords } from './sparse/index.ts';
import type { TokenReport } from './text/index.ts';

export interface TrellisModelOptions {
  readonly device: Device;
  /** Threads inside an operation. @defaultValue all that the process may use */
  readonly threads?: number | undefined;
  /** `HF_HOME`: where repositories that the model refers to may be cached. */
  readonly huggingFaceHome?: string | undefined;
  /** Folder in which content digests of weights are remembered. */
  readonly digestCache?: string | undefined;
  readonly logger?: Logger | undefined;
}

export interface ModelDescription {
  readonly name: string;
  /** Channels and extent of the occupancy latent. */
  readonly structureChannels: number;
  readonly structureResolution: number;
  /** Channels of the structured latent, and extent of the grid of its voxels. */
  readonly latentChannels: number;
  readonly latentResolution: number;
  /** Channels of the text condition. */
  readonly conditionChannels: number;
  readonly hasGaussians: boolean;
}

export interface EncodedText {
  /** F32 [1, 77, C]: condition of the prompt. */
  readonly cond: Tensor<Float32Array>;
  /** F32 [1, 77, C]: condition of the empty prompt. */
  readonly negative: Tensor<Float32Array>;
  readonly report: TokenReport;
}

/** A start from noise, or from a state that was saved between two steps. */
export type SamplingStart =
  | { readonly generator: TorchGenerator; readonly resume?: undefined }
  | { readonly resume: SamplerState; readonly generator?: undefined };

export type SamplingRequest = SamplingStart & {
  readonly cond: Tensor<Float32Array>;
  readonly negative: Tensor<Float32Array>;
  /** Overrides of the model's own settings. */
  readonly params?: SamplerOverrides | undefined;
  /** Looked at before each step. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step and waited for. */
  readonly onStep?: ((step: SamplerStep) => void | Promise<void>) | undefined;
};

export interface LatentRequest {
  /** I32 [N, 4] of (batch 0, x, y, z). */
  readonly coords: Tensor<Int32Array>;
  /** F32 [N, latent channels], de-normalised. */
  readonly slat: Tensor<Float32Array>;
}

/** Cells as `extractSurface` of @espalier/geometry takes them. */
export interface MeshCells {
  /** [M, 3] */
  readonly coords: Int32Array;
  /** [M, 101], from the start of a buffer of its own, which may be longer. */
  readonly features: Float32Array;
  readonly resolution: number;
}

export class TrellisModel {
  readonly repository: ModelRepository;
  readonly description: ModelDescription;
  readonly #networks: ModelNetworks;
  #negative: Promise<Tensor<Float32Array>> | undefined;
  /** Who gets memory back. */
  #meshDecoder: MeshDecoder | undefined;

  private constructor(repository: ModelRepository, networks: ModelNetworks) {
    const { structureFlow, latentFlow, gaussianDecoder } = repository.networks;
    this.repository = repository;
    this.#networks = networks;
    this.description = {
      name: repository.name,
      structureChannels: structureFlow.config.in_channels,
      structureResolution: structureFlow.config.resolution,
      latentChannels: latentFlow.config.in_channels,
      latentResolution: latentFlow.config.resolution,
      conditionChannels: structureFlow.config.cond_channels,
      hasGaussians: gaussianDecoder !== undefined,
    };
  }

  /**
   * Reads what the model is; each network is opened when it is first used.
   *
   * @param folder Folder in the published layout, or `Org/Repo` of one in the Hugging Face cache.
   * @throws TerminalError as `ModelRepository.open`; `DEVICE_UNAVAILABLE`.
   */
  static async open(folder: string, options: TrellisModelOptions): Promise<TrellisModel> {
    return TrellisModel.of(await ModelRepository.open(folder, options), options);
  }

  /** The model of a repository that is open. */
  static async of(repository: ModelRepository, options: TrellisModelOptions): Promise<TrellisModel> {
    return new TrellisModel(repository, await ModelNetworks.open(repository, options));
  }

  /** What the networks run on. */
  get device(): 'cuda' | 'cpu' {
    return this.#networks.device;
  }

  /** See `ModelRepository.revision`: reads every file the first time. */
  revision(): Promise<string> {
    return this.repository.revision();
  }

  /**
   * Encodes what a prompt says to this model: words outside of a closed vocabulary are left out, and named.
   *
   * @throws TerminalError `MODEL_FILE_MISSING`, `MODEL_FILE_INVALID`, `MODEL_INCONSISTENT`.
   */
  async encodeText(prompt: string): Promise<EncodedText> {
    const { tokenizer, encoder } = await this.#networks.text();
    const { conditionChannels } = this.description;
    if (encoder.channels !== conditionChannels) {
      const message = `the text encoder gives ${encoder.channels} channels, the flow models take ${conditionChannels}`;
      throw new TerminalError(message, { code: 'MODEL_INCONSISTENT', field: 'text_cond_model' });
    }
    const { unknownWords } = tokenizer.encode(prompt).report;
    const { ids, report } = tokenizer.encode(tokenizer.known(prompt));
    this.#negative ??= encoder.encode(tokenizer.encode('').ids);
    return { cond: await encoder.encode(ids), negative: await this.#negative, report: { ...report, unknownWords } };
  }

  /**
   * Samples the occupancy latent.
   *
   * @returns F32 [1, C, R, R, R]
   * @throws CancelledError between two steps. TerminalError `SAMPLER_STATE_INVALID`, `SAMPLE_NOT_FINITE`.
   */
  async sampleStructure(request: SamplingRequest): Promise<Tensor<Float32Array>> {
    const flow = await this.#networks.structureFlow();
    const shape = flow.sampleShape;
    const sampler = new FlowEulerSampler(this.repository.pipeline.sparse_structure_sampler, request.params);
    await flow.prepare(sampler.times);
    const sample = await sampler.sample({
      ...watched(request),
      velocities: (x, t, conditions) => flow.velocities(x, t, conditions),
      start: startOf(request, elementCount(shape)),
    });
    return float32(shape, sample);
  }

  /**
   * Decodes the occupancy latent.
   *
   * @returns I32 [N, 4] of (batch 0, x, y, z): the occupied voxels in row-major order.
   * @throws TerminalError `STRUCTURE_EMPTY` when no voxel is occupied.
   */
  async decodeStructure(latent: Tensor<Float32Array>): Promise<Tensor<Int32Array>> {
    const { logits } = await (await this.#networks.structureDecoder()).run(latent.data);
    const coords = occupiedVoxels(logits?.data as Float32Array);
    if (coords.shape[0] === 0) {
      throw new TerminalError('the model put nothing into the space: no voxel is occupied', {
        code: 'STRUCTURE_EMPTY',
        field: 'prompt',
        remedy: 'try another seed or another wording',
      });
    }
    return coords;
  }

  /**
   * Samples the structured latent on occupied voxels.
   *
   * @param request `coords` I32 [N, 4]. The states of `onStep` and `resume` are normalised features.
   * @returns F32 [N, latent channels], de-normalised: what the decoders take.
   * @throws CancelledError between two steps. TerminalError `BAD_VOXELS`, `SAMPLER_STATE_INVALID`, `SAMPLE_NOT_FINITE`.
   */
  async sampleLatent(
    request: SamplingRequest & { readonly coords: Tensor<Int32Array> },
  ): Promise<Tensor<Float32Array>> {
    const { latentChannels, latentResolution } = this.description;
    const flow = await this.#networks.latentFlow();
    const tables = flow.tables(voxelsFromCoords(request.coords, latentResolution));
    const sampler = new FlowEulerSampler(this.repository.pipeline.slat_sampler, request.params);
    await flow.prepare(sampler.times);
    const sample = await sampler.sample({
      ...watched(request),
      velocities: (x, t, conditions) => flow.velocities(x, t, conditions, tables),
      start: startOf(request, tables.rows * latentChannels),
    });
    return denormalise(sample, this.repository.pipeline.slat_normalization);
  }

  /**
   * @returns Cells that are the caller's. {@link giveBackCells} makes the next mesh faster.
   * @throws CancelledError between two calls of the networks. TerminalError `BAD_VOXELS`.
   */
  async decodeMesh({ coords, slat, ...work }: LatentRequest & WorkOptions): Promise<MeshCells> {
    const decoder = await this.#networks.meshDecoder();
    this.#meshDecoder = decoder;
    const voxels = voxelsFromCoords(coords, decoder.config.resolution);
    const decoded = await decoder.decode(voxels, slat.data, work);
    const features = withColour(decoded.features, decoded.voxels.length / 3);
    if (features !== decoded.features) decoder.giveBack(decoded.features);
    return { coords: decoded.voxels, features, resolution: decoded.resolution };
  }

  /**
   * Takes the memory of cells that are done with, for the next mesh: half a gigabyte that takes longer to get than to fill.
   * Cells that are never given back are garbage like any other.
   *
   * @param cells `features` of `decodeMesh`, or an array from the start of its buffer when that has been to another thread.
   *   They are empty from now on.
   */
  giveBackCells({ features }: Pick<MeshCells, 'features'>): void {
    this.#meshDecoder?.giveBack(features);
  }

  /** @throws TerminalError `BAD_VOXELS`; `MODEL_WITHOUT_GAUSSIANS`, see `description.hasGaussians`. */
  async decodeGaussians({ coords, slat }: LatentRequest): Promise<Gaussians> {
    const decoder = await this.#networks.gaussianDecoder();
    if (decoder === undefined) {
      throw new TerminalError(`model ${this.description.name} has no Gaussian decoder`, {
        code: 'MODEL_WITHOUT_GAUSSIANS',
        field: 'slat_decoder_gs',
      });
    }
    return decoder.decode(voxelsFromCoords(coords, decoder.config.resolution), slat.data);
  }

  /** Gives back the memory of all networks. They open again when used. */
  async release(): Promise<void> {
    this.#negative = undefined;
    this.#meshDecoder = undefined;
    await this.#networks.release();
  }
}

function watched({ cond, negative, signal, onStep }: SamplingRequest) {
  return { cond, negative, signal, onStep };
}

/** @throws TerminalError `SAMPLER_STATE_INVALID` when a saved sample is of another size. */
function startOf(start: SamplingStart, values: number): Float32Array | SamplerState {
  if (start.resume === undefined) return start.generator.randn(values);
  const { length } = start.resume.sample;
  if (length === values) return start.resume;
  throw new TerminalError(`a saved sample of ${length} values cannot go on as one of ${values}`, {
    code: 'SAMPLER_STATE_INVALID',
    field: 'sample',
  });
}

/** Cells of a model without colour get raw colours of 0, which the sigmoid behind them makes mid grey. */
function withColour(features: Float32Array, rows: number): Float32Array {
  const channels = features.length / rows;
  if (channels === FEATURE_CHANNELS) return features;
  const out = new Float32Array(rows * FEATURE_CHANNELS);
  for (let row = 0; row < rows; row++) {
    out.set(features.subarray(row * channels, (row + 1) * channels), row * FEATURE_CHANNELS);
  }
  return out;
}
