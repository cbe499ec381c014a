/**
 * A product of matrices beside a graph's own, by which can be told whether the libraries under it keep float32 or round
 * to TF32, which has ten bits for a fraction.
 */
import { encodeNumbers } from './constants.ts';
import type { ModelSpec } from './model-proto.ts';

/** Rows, columns and inner extent: enough for TF32's kernels. */
const EXTENT = 64;
export const PROBE_SHAPE = [EXTENT, EXTENT] as const;
export const PROBE_INPUT = 'float32 probe';
export const PROBE_OUTPUT = 'float32 probe, kept';
/** Has a bit that TF32 has not. */
const PROBED = 1 + 2 ** -12;

/** What is fed to the probe. */
export function probeValues(): Float32Array {
  return new Float32Array(EXTENT * EXTENT).fill(PROBED);
}

/** Whether what came out is what went in. */
export function isKept(values: ArrayLike<number>): boolean {
  return values.length === EXTENT * EXTENT && Array.from(values).every((value) => value === PROBED);
}

/** The model with the probe: input and output of its own, a product with the identity between them. */
export function withFloat32Probe(spec: ModelSpec): ModelSpec {
  const type = 'float32';
  const identity = Float32Array.from({ length: EXTENT * EXTENT }, (_, i) => (i % (EXTENT + 1) === 0 ? 1 : 0));
  const constant = {
    name: 'float32 probe, identity',
    type,
    shape: PROBE_SHAPE,
    data: encodeNumbers(identity, type),
  } as const;
  const gemm = {
    name: 'float32 probe',
    operator: 'Gemm',
    domain: '',
    inputs: [PROBE_INPUT, constant.name],
    outputs: [PROBE_OUTPUT],
    attributes: { transB: { int: 1 } },
  };
  return {
    ...spec,
    nodes: [...spec.nodes, gemm],
    constants: [...spec.constants, constant],
    inputs: [...spec.inputs, { name: PROBE_INPUT, type, shape: PROBE_SHAPE }],
    outputs: [...spec.outputs, { name: PROBE_OUTPUT, type, shape: PROBE_SHAPE }],
  };
}
