/** The networks as the stages see them: typed calls to the inference process. */
import type { TokenReportRecord } from '@espalier/contracts';
import type { GeneratorState, Tensor } from '@espalier/tensors';
import type { InferenceProcess } from './inference-process.ts';
import type { CallOptions } from './pending-calls.ts';
import type { SamplerParams } from './protocol.ts';

export interface Conditioning {
  /** [1, T, C] states of the prompt. */
  readonly cond: Tensor;
  /** [1, T, C] states of the empty text. */
  readonly negative: Tensor;
}

/** A sampler between two steps. */
export interface SamplerSave {
  /** Steps done. */
  readonly step: number;
  readonly sample: Tensor;
  /** Where the generator stands once the noise is drawn. */
  readonly generator: GeneratorState;
}

export interface SamplingOptions {
  readonly params: SamplerParams;
  /** Where the generator stands before the noise is drawn; or the save to go on from. */
  readonly from: GeneratorState | SamplerSave;
  /** Milliseconds of sampling that a crash may lose; 0 saves after every step. */
  readonly saveEveryMs: number;
  readonly signal: AbortSignal;
  readonly onStep: (step: number, steps: number) => void;
  /** Resolves when the save is durable, or never will be. */
  readonly onSave: (save: SamplerSave) => Promise<void>;
}

export interface Networks {
  /** What they run on; known after the first call. */
  readonly device: string | undefined;
  encodeText(prompt: string, signal: AbortSignal): Promise<Conditioning & { readonly report: TokenReportRecord }>;
  /** -> `latent` [1, C, R, R, R] and `coords` [N, 4] (batch, x, y, z), N may be 0. */
  sampleStructure(
    inputs: Conditioning,
    options: SamplingOptions,
  ): Promise<{ readonly latent: Tensor; readonly coords: Tensor; readonly generator: GeneratorState }>;
  /** -> `latent` [N, C], de-normalised. */
  sampleLatent(
    inputs: Conditioning & { readonly coords: Tensor },
    options: SamplingOptions,
  ): Promise<{ readonly latent: Tensor; readonly generator: GeneratorState }>;
  /** The decoders' output: tensors by name, see the `decode` stage. */
  decode(
    inputs: { readonly coords: Tensor; readonly latent: Tensor },
    options: { readonly fillEnclosed: boolean; readonly gaussians: boolean } & CallOptions,
  ): Promise<{ readonly tensors: Readonly<Record<string, Tensor>>; readonly resolution: number }>;
}

export class RemoteNetworks implements Networks {
  readonly #process: InferenceProcess;

  constructor(process: InferenceProcess) {
    this.#process = process;
  }

  get device(): string | undefined {
    return this.#process.device;
  }

  async encodeText(prompt: string, signal: AbortSignal) {
    const { value, tensors } = await this.#process.call('encode_text', { prompt }, {}, { signal });
    return { report: value.report, cond: named(tensors, 'cond'), negative: named(tensors, 'negative') };
  }

  async sampleStructure(inputs: Conditioning, options: SamplingOptions) {
    const { value, tensors } = await this.#sample('sample_structure', { ...inputs }, options);
    return { ...value, latent: named(tensors, 'latent'), coords: named(tensors, 'coords') };
  }

  async sampleLatent(inputs: Conditioning & { readonly coords: Tensor }, options: SamplingOptions) {
    const { value, tensors } = await this.#sample('sample_latent', { ...inputs }, options);
    return { ...value, latent: named(tensors, 'latent') };
  }

  async decode(
    inputs: { readonly coords: Tensor; readonly latent: Tensor },
    options: { readonly fillEnclosed: boolean; readonly gaussians: boolean } & CallOptions,
  ) {
    const { fillEnclosed, gaussians, ...call } = options;
    const args = { fill_enclosed: fillEnclosed, gaussians };
    const { value, tensors } = await this.#process.call('decode', args, { ...inputs }, call);
    return { tensors, resolution: value.resolution };
  }

  #sample(
    method: 'sample_structure' | 'sample_latent',
    inputs: Readonly<Record<string, Tensor>>,
    { params, from, saveEveryMs, signal, onStep, onSave }: SamplingOptions,
  ) {
    const resumed = 'sample' in from ? from : undefined;
    const args = {
      params,
      generator: 'sample' in from ? from.generator : from,
      save_every_ms: saveEveryMs,
      ...(resumed !== undefined && { step: resumed.step }),
    };
    return this.#process.call(method, args, resumed ? { ...inputs, sample: resumed.sample } : inputs, {
      signal,
      onStep,
      onSave: ({ step, generator, tensors }) => onSave({ step, generator, sample: named(tensors, 'sample') }),
    });
  }
}

function named(tensors: Readonly<Record<string, Tensor>>, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`the inference process sent no tensor '${name}'`);
  return tensor;
}
