import type { ValueType } from './types.ts';

/**
 * What the runtime may do with weights. `constant`: widen and repack them into memory of its own while it opens the
 * graph. `mapped`: nothing; they are read from the mapped file whenever an operation needs them.
 */
export type WeightRole = 'constant' | 'mapped';

/** What a graph is written for. */
export type GraphTarget = 'cpu' | 'cuda';

/** A finished graph: give it to `openSession`. */
export interface Graph {
  /** For logs and errors. */
  readonly name: string;
  /**
   * Serialises the ONNX model; its weights stay in their files. What it computes is the same for every target.
   * `probed`: with the probe of `float32-probe.ts`, whose input and output are not among the graph's.
   */
  readonly encode: (weights: WeightRole, target: GraphTarget, probed?: boolean) => Uint8Array;
  readonly inputs: ReadonlyMap<string, ValueType>;
  /** The inputs that a target's model declares: all but those that nodes of other targets alone read. */
  readonly inputsFor: (target: GraphTarget) => ReadonlyMap<string, ValueType>;
  readonly outputs: ReadonlyMap<string, ValueType>;
  /** Folder that the locations of external weights are relative to; undefined when there are none. */
  readonly weightsFolder: string | undefined;
  /** What the graph was built for; undefined leaves it to the size of the weights. */
  readonly weightRole: WeightRole | undefined;
  /** Bytes of weights that the graph refers to in checkpoint files. */
  readonly weightBytes: number;
}
