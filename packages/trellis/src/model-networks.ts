import type { Device, Logger } from '@espalier/contracts';
import { type ComputeType, GraphBuilder, openSession } from '@espalier/onnx';
import { ClipTextEncoder } from './networks/clip-text-encoder.ts';
import type { NetworkOptions } from './networks/network.ts';
import { SLatFlow } from './networks/slat-flow.ts';
import { GaussianDecoder } from './networks/slat-gaussian-decoder.ts';
import { MeshDecoder } from './networks/slat-mesh-decoder.ts';
import { StructureDecoder } from './networks/structure-decoder.ts';
import { StructureFlow } from './networks/structure-flow.ts';
import type { ModelRepository } from './repository/index.ts';
import { ClipTokenizer } from './text/index.ts';

/** What all networks of a model are opened with. */
export interface ModelSettings {
  readonly device: Device;
  /** Threads inside an operation. @defaultValue all that the process may use */
  readonly threads?: number | undefined;
  readonly logger?: Logger | undefined;
}

interface Releasable {
  release(): Promise<void>;
}

/** The networks of a model, each opened when it is first asked for and kept until all are released. */
export class ModelNetworks {
  /** What they run on, now that it is known. */
  readonly device: 'cuda' | 'cpu';
  readonly #repository: ModelRepository;
  readonly #settings: ModelSettings;
  readonly #opened = new Map<string, Promise<Releasable>>();

  private constructor(repository: ModelRepository, settings: ModelSettings, device: 'cuda' | 'cpu') {
    this.#repository = repository;
    this.#settings = settings;
    this.device = device;
  }

  /** @throws TerminalError `DEVICE_UNAVAILABLE` when CUDA was asked for by name and does not load. */
  static async open(repository: ModelRepository, settings: ModelSettings): Promise<ModelNetworks> {
    // A graph that does nothing tells which device the others will get, before anything large is opened.
    const g = new GraphBuilder({ name: 'device probe' });
    g.output('y', g.input('x', 'float32', [1]));
    const probe = await openSession(g.build(), sessionSettings(settings));
    await probe.release();
    return new ModelNetworks(repository, settings, probe.device);
  }

  /** Tokenizer and encoder of prompts. */
  async text(): Promise<{ tokenizer: ClipTokenizer; encoder: ClipTextEncoder }> {
    const encoder = this.#lazy('text', async () => {
      const files = await this.#repository.textEncoder();
      const tokenizer = await ClipTokenizer.open(files.tokenizerPath, files.vocabularyPath);
      const network = await ClipTextEncoder.open(files, this.#options(false));
      return { tokenizer, encoder: network, release: () => network.release() };
    });
    return encoder;
  }

  structureFlow(): Promise<StructureFlow> {
    const { config, weightsPath } = this.#repository.networks.structureFlow;
    return this.#lazy('structure flow', () => StructureFlow.open(config, weightsPath, this.#options(config.use_fp16)));
  }

  structureDecoder(): Promise<StructureDecoder> {
    const { structureDecoder, structureFlow } = this.#repository.networks;
    const { config, weightsPath } = structureDecoder;
    return this.#lazy('structure decoder', () =>
      StructureDecoder.open(config, structureFlow.config.resolution, weightsPath, this.#options(config.use_fp16)),
    );
  }

  latentFlow(): Promise<SLatFlow> {
    const { config, weightsPath } = this.#repository.networks.latentFlow;
    return this.#lazy('latent flow', () => SLatFlow.open(config, weightsPath, this.#options(config.use_fp16)));
  }

  meshDecoder(): Promise<MeshDecoder> {
    const { config, weightsPath } = this.#repository.networks.meshDecoder;
    return this.#lazy('mesh decoder', () => MeshDecoder.open(config, weightsPath, this.#options(config.use_fp16)));
  }

  /** Undefined when the model has none. */
  async gaussianDecoder(): Promise<GaussianDecoder | undefined> {
    const files = this.#repository.networks.gaussianDecoder;
    if (files === undefined) return undefined;
    const { config, weightsPath } = files;
    return this.#lazy('Gaussian decoder', () =>
      GaussianDecoder.open(config, weightsPath, this.#options(config.use_fp16)),
    );
  }

  /** Closes those that are open. They open again when asked for. */
  async release(): Promise<void> {
    const opened = [...this.#opened.values()];
    this.#opened.clear();
    for (const network of opened) await (await network.catch(() => undefined))?.release();
  }

  /**
   * Half precision where the model was published for it, on the device that gains by it: ONNX Runtime's CPU kernels
   * would widen every value and compute in float32 all the same.
   */
  #options(half: boolean): NetworkOptions {
    const computeType: ComputeType = half && this.device === 'cuda' ? 'float16' : 'float32';
    return { ...sessionSettings({ ...this.#settings, device: this.device }), computeType };
  }

  #lazy<N extends Releasable>(name: string, open: () => Promise<N>): Promise<N> {
    const known = this.#opened.get(name);
    if (known !== undefined) return known as Promise<N>;
    const opening = open();
    this.#opened.set(name, opening);
    // A network that failed to open is tried anew by the next call.
    opening.catch(() => this.#opened.delete(name));
    return opening;
  }
}

function sessionSettings({ device, threads, logger }: ModelSettings): NetworkOptions {
  return { device, ...(threads === undefined ? {} : { threads }), ...(logger === undefined ? {} : { logger }) };
}
