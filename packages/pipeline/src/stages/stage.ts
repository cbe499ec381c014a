/** What a stage is. A stage knows nothing of stores, processes or other jobs: it turns inputs into one content. */
import type { Job, StageName } from '@espalier/contracts';
import type { Dtype, Tensor } from '@espalier/tensors';
import { elementCount } from '@espalier/tensors';
import type { z } from 'zod';
import type { CheckpointContent, PartialContent } from '../checkpoints/body.ts';
import type { StageParameters } from '../checkpoints/recipe.ts';
import type { CpuTasks } from '../cpu/cpu-pool.ts';
import type { Networks } from '../inference/networks.ts';
import type { SamplerParams } from '../inference/protocol.ts';

/** What of the model decides parameters. */
export interface ModelFacts {
  readonly name: string;
  /** Content digest. */
  readonly revision: string;
  readonly samplers: { readonly structure: SamplerParams; readonly latent: SamplerParams };
}

/** Choices that hold for every job of a pipeline. */
export interface PipelineChoices {
  /** Make what lies enclosed behind the decoder's active voxels solid; without it inner walls grow there. */
  readonly fillEnclosed: boolean;
  /** Decode the 3D Gaussians too. */
  readonly gaussians: boolean;
  /** No more faces than this reach the unwrapping, whatever `simplify` says. */
  readonly maxFaces: number;
}

export const PIPELINE_CHOICES: PipelineChoices = { fillEnclosed: true, gaussians: true, maxFaces: 200_000 };

/** Everything that parameters are taken from. */
export interface ParameterSources {
  readonly job: Job;
  readonly model: ModelFacts;
  readonly choices: PipelineChoices;
}

export interface StageContent<S> extends CheckpointContent {
  readonly state: S;
}

/** Dtype and shape of a tensor; null stands for any extent. */
export interface TensorForm {
  readonly dtype: Dtype;
  readonly shape: readonly (number | null)[];
  readonly optional?: boolean;
}

export interface Notice {
  readonly code: string;
  readonly message: string;
}

export interface StageContext extends ParameterSources {
  readonly parameters: StageParameters;
  readonly networks: Networks;
  readonly cpu: CpuTasks;
  readonly signal: AbortSignal;
  /** Milliseconds of sampling that a crash may lose. */
  readonly saveEveryMs: number;
  /** The last save of this very work. */
  readonly resume: PartialContent | undefined;
  /** The content of a stage named in `inputs`. */
  input<S>(stage: Stage<S>): StageContent<S>;
  onStep(step: number, steps: number): void;
  /** What is left of the stage needs no accelerator: another job may have it. */
  onDeviceFree(): void;
  /** Resolves when the save is durable, or never will be. A stage waits for one before it offers the next. */
  onSave(save: PartialContent): Promise<void>;
  notice(notice: Notice): void;
}

export interface Stage<S = unknown> {
  readonly name: StageName;
  /** Raised whenever the code gives other results for the same inputs. */
  readonly version: number;
  /** Stages whose content it reads. */
  readonly inputs: readonly StageName[];
  /** The tensors of its content. */
  readonly tensors: Readonly<Record<string, TensorForm>>;
  readonly state: z.ZodType<S>;
  /** Tensors and state of a save in the middle of it; absent where there are none. */
  readonly save?: { readonly tensors: Readonly<Record<string, TensorForm>>; readonly state: z.ZodType };
  /** Whatever of job and model changes its content, beside its inputs. */
  parameters(sources: ParameterSources): StageParameters;
  /** Sampler steps of a run, where there are any. */
  steps?(parameters: StageParameters): number;
  run(context: StageContext): Promise<StageContent<S>>;
  /** Looked at whether computed or found: throws where going on makes no sense. */
  judge?(content: StageContent<S>): void;
  /** What a person should know of its content. */
  notices?(content: StageContent<S>): readonly Notice[];
}

/** The check of contents that a stage writes. */
export function contentCheck<S>(stage: Stage<S>): (content: CheckpointContent) => StageContent<S> {
  return (content) => {
    assertForms(content.tensors, stage.tensors);
    return { tensors: content.tensors, state: stage.state.parse(content.state) };
  };
}

/** The check of its saves. */
export function saveCheck(stage: Stage): (content: PartialContent) => PartialContent {
  return (content) => {
    if (stage.save === undefined) throw new Error(`stage ${stage.name} has no saves`);
    assertForms(content.tensors, stage.save.tensors);
    return { ...content, state: stage.save.state.parse(content.state) };
  };
}

/** A tensor of a content whose form was checked. */
export function tensorOf(content: CheckpointContent, name: string): Tensor {
  const tensor = content.tensors[name];
  if (tensor === undefined) throw new Error(`checkpoint has no tensor '${name}'`);
  return tensor;
}

export function float32Of(content: CheckpointContent, name: string): Float32Array {
  const { data } = tensorOf(content, name);
  if (!(data instanceof Float32Array)) throw new Error(`tensor '${name}' is not F32`);
  return data;
}

function int32Of(content: CheckpointContent, name: string): Int32Array {
  const { data } = tensorOf(content, name);
  if (!(data instanceof Int32Array)) throw new Error(`tensor '${name}' is not I32`);
  return data;
}

/** Safetensors has no unsigned 32-bit type: vertex numbers stand in files as I32. */
export function uint32Of(content: CheckpointContent, name: string): Uint32Array {
  const { buffer, byteOffset, length } = int32Of(content, name);
  return new Uint32Array(buffer, byteOffset, length);
}

function assertForms(tensors: Readonly<Record<string, Tensor>>, forms: Readonly<Record<string, TensorForm>>): void {
  for (const name of Object.keys(tensors)) {
    if (!(name in forms)) throw new Error(`unknown tensor '${name}'`);
  }
  for (const [name, form] of Object.entries(forms)) {
    const tensor = tensors[name];
    if (tensor === undefined) {
      if (form.optional) continue;
      throw new Error(`tensor '${name}' is missing`);
    }
    const fits =
      tensor.dtype === form.dtype &&
      tensor.shape.length === form.shape.length &&
      form.shape.every((extent, axis) => extent === null || extent === tensor.shape[axis]) &&
      tensor.data.length === elementCount(tensor.shape);
    if (!fits) throw new Error(`tensor '${name}' is ${tensor.dtype} [${tensor.shape}]`);
  }
}
