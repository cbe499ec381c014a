/** The inference process's methods over a `TrellisModel`. */
import { TerminalError } from '@espalier/contracts';
import type { Gaussians } from '@espalier/geometry';
import { float32, floatToHalf, type Tensor, type TensorData, TorchGenerator } from '@espalier/tensors';
import { type SamplerState, type SamplerStep, TrellisModel } from '@espalier/trellis';
import { meshTensors } from '../stages/meshes.ts';
import { throwIfCancelled } from './cancelled.ts';
import type { MethodArgs } from './protocol.ts';
import { SavePace } from './save-pace.ts';
import type { CallContext, MethodHandlers, MethodOutput } from './serve.ts';
import { SurfaceThread } from './surface-thread.ts';

/** Decoding is told in these steps: mesh features, Gaussians, surface. */
const DECODE_STEPS = 100;
const FEATURES_SHARE = 0.7;
const GAUSSIANS_SHARE = 0.8;

export interface ModelMethodsOptions {
  /**
   * Whether the next call may use the device while this one's mesh is extracted. Where networks run on the same cores, it
   * would only make both slower. @defaultValue on CUDA
   */
  readonly overlapsOn?: (device: TrellisModel['device']) => boolean;
}

export class ModelMethods {
  readonly #overlapsOn: (device: TrellisModel['device']) => boolean;
  readonly #surfaces = new SurfaceThread();
  #model: TrellisModel | undefined;

  constructor({ overlapsOn = (device) => device === 'cuda' }: ModelMethodsOptions = {}) {
    this.#overlapsOn = overlapsOn;
  }

  get handlers(): MethodHandlers {
    return {
      open: (args) => this.open(args),
      encode_text: (args) => this.encodeText(args),
      sample_structure: (args, context) => this.sampleStructure(args, context),
      sample_latent: (args, context) => this.sampleLatent(args, context),
      decode: (args, context) => this.decode(args, context),
    };
  }

  async open(args: MethodArgs<'open'>): Promise<MethodOutput<'open'>> {
    this.#model ??= await TrellisModel.open(args.folder, {
      device: args.device,
      threads: args.threads,
      huggingFaceHome: args.hugging_face_home,
    });
    return { value: { device: this.#model.device } };
  }

  async encodeText({ prompt }: MethodArgs<'encode_text'>): Promise<MethodOutput<'encode_text'>> {
    const { cond, negative, report } = await this.#opened().encodeText(prompt);
    const { tokens, used, truncated, truncatedText, unknownWords } = report;
    return {
      value: {
        report: { tokens, used, truncated, truncated_text: truncatedText, unknown_words: [...unknownWords] },
      },
      tensors: { cond, negative },
    };
  }

  async sampleStructure(
    args: MethodArgs<'sample_structure'>,
    context: CallContext,
  ): Promise<MethodOutput<'sample_structure'>> {
    const model = this.#opened();
    const { structureChannels: channels, structureResolution: edge } = model.description;
    const generator = TorchGenerator.restore(args.generator);
    const latent = await model.sampleStructure({
      cond: input(context, 'cond'),
      negative: input(context, 'negative'),
      ...start(args, context, generator),
      ...watch(args, context, generator, [1, channels, edge, edge, edge]),
    });
    const coords = await model.decodeStructure(latent);
    return { value: { generator: generator.state() }, tensors: { latent, coords } };
  }

  async sampleLatent(args: MethodArgs<'sample_latent'>, context: CallContext): Promise<MethodOutput<'sample_latent'>> {
    const model = this.#opened();
    const coords = input<Int32Array>(context, 'coords');
    const generator = TorchGenerator.restore(args.generator);
    const latent = await model.sampleLatent({
      cond: input(context, 'cond'),
      negative: input(context, 'negative'),
      coords,
      ...start(args, context, generator),
      ...watch(args, context, generator, [coords.shape[0] ?? 0, model.description.latentChannels]),
    });
    return { value: { generator: generator.state() }, tensors: { latent } };
  }

  async decode(args: MethodArgs<'decode'>, context: CallContext): Promise<MethodOutput<'decode'>> {
    const model = this.#opened();
    const coords = input<Int32Array>(context, 'coords');
    const slat = input(context, 'latent');
    const { signal } = context;
    const tell = (share: number): void => context.onStep(Math.round(share * DECODE_STEPS), DECODE_STEPS);
    // It loads while the networks run.
    this.#surfaces.start();
    const cells = await model.decodeMesh({
      coords,
      slat,
      signal,
      onProgress: (share) => tell(share * FEATURES_SHARE),
    });
    tell(FEATURES_SHARE);
    await context.pause();
    throwIfCancelled(signal);
    const gaussians = args.gaussians && model.description.hasGaussians;
    const splats = gaussians ? gaussianTensors(await model.decodeGaussians({ coords, slat })) : {};
    tell(GAUSSIANS_SHARE);
    // What waits for the thread keeps the device: half a gigabyte of cells waits at most once.
    const { mesh, cells: back } = await this.#surfaces.extract(cells, {
      fillEnclosed: args.fill_enclosed,
      signal,
      onBegin: () => {
        if (this.#overlapsOn(model.device)) context.onDeviceFree();
      },
      onProgress: (share) => tell(GAUSSIANS_SHARE + share * (1 - GAUSSIANS_SHARE)),
    });
    model.giveBackCells(back);
    tell(1);
    return { value: { resolution: cells.resolution }, tensors: { ...meshTensors(mesh), ...splats } };
  }

  /** Ends the thread; a later call starts a new one. */
  close(): Promise<void> {
    return this.#surfaces.close();
  }

  #opened(): TrellisModel {
    if (this.#model === undefined) throw new Error('the model is not open');
    return this.#model;
  }
}

type Sampling = MethodArgs<'sample_latent'>;

function start(
  { step }: Sampling,
  context: CallContext,
  generator: TorchGenerator,
): { generator: TorchGenerator } | { resume: SamplerState } {
  if (step === undefined) return { generator };
  return { resume: { step, sample: input(context, 'sample').data } };
}

/** Parameters, and what happens between two steps. */
function watch(args: Sampling, context: CallContext, generator: TorchGenerator, shape: readonly number[]) {
  const { signal, onStep, onSave, pause } = context;
  const pace = new SavePace({ interval: args.save_every_ms });
  return {
    params: args.params,
    signal,
    onStep: async ({ state, steps }: SamplerStep): Promise<void> => {
      onStep(state.step, steps);
      await pause();
      if (state.step === steps) return;
      const save = () => onSave(state.step, generator.state(), float32(shape, state.sample));
      if (signal.aborted) pace.beginAtOnce(save);
      else if (pace.isDue) await pace.begin(save);
    },
  };
}

/** Forms were checked when the stage's inputs were read. */
function input<D extends TensorData = Float32Array>(context: CallContext, name: string): Tensor<D> {
  const tensor = context.tensors[name];
  if (tensor === undefined) {
    throw new TerminalError(`tensor '${name}' is missing`, { code: 'INPUT_MISSING', field: name });
  }
  return tensor as Tensor<D>;
}

function gaussianTensors(gaussians: Gaussians): Record<string, Tensor> {
  const { count } = gaussians;
  const half = (shape: number[], values: Float32Array): Tensor => ({ dtype: 'F16', shape, data: floatToHalf(values) });
  return {
    'gaussians.positions': float32([count, 3], gaussians.positions),
    'gaussians.sh0': half([count, 3], gaussians.sh0),
    'gaussians.scales': half([count, 3], gaussians.scales),
    'gaussians.rotations': half([count, 4], gaussians.rotations),
    'gaussians.opacities': half([count], gaussians.opacities),
  };
}
