/** What the kinds of cases share. */
import type { Logger } from '@espalier/contracts';
import type { DeviceChoice } from '@espalier/onnx';
import type { Tensor, TensorData } from '@espalier/tensors';
import type { ModelRepository } from '../repository/index.ts';
import type { CaseFile } from './case-file.ts';
import type { TensorKind } from './tolerances.ts';

/** A computed tensor: under which key it was recorded, what it is, and its values (shape optional). */
export interface Computed {
  readonly key: string;
  readonly kind: TensorKind;
  readonly data: TensorData;
  readonly shape?: readonly number[];
}

export interface CaseContext {
  readonly file: CaseFile;
  /** The networks of the folder. */
  readonly model: () => Promise<ModelRepository>;
  readonly settings: { readonly device: DeviceChoice; readonly threads?: number; readonly logger?: Logger };
}

/** One kind of case, recognised by the beginning of its file's name. */
export interface CaseKind {
  readonly prefix: string;
  /** Keys that are inputs: used, not compared. */
  readonly inputs: readonly string[];
  /** Computes the recorded tensors from the inputs, in the order of the computation. */
  readonly compute: (context: CaseContext) => AsyncGenerator<Computed>;
}

/** Results of a graph under the keys of a case. */
export function* fromOutputs(
  outputs: Readonly<Record<string, Tensor>>,
  kind: TensorKind = 'module',
): Generator<Computed> {
  for (const [key, { data, shape }] of Object.entries(outputs)) {
    yield { key, kind, data, shape };
  }
}
