import type { ValueType } from './types.ts';

/** A finished graph: give it to `openSession`. */
export interface Graph {
  /** For logs and errors. */
  readonly name: string;
  /** Serialised ONNX model, without its weights. */
  readonly model: Uint8Array;
  readonly inputs: ReadonlyMap<string, ValueType>;
  readonly outputs: ReadonlyMap<string, ValueType>;
  /** Folder that the locations of external weights are relative to; undefined when there are none. */
  readonly weightsFolder: string | undefined;
  /** Bytes of weights that the graph refers to in checkpoint files. */
  readonly weightBytes: number;
}
