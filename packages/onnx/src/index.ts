export { Checkpoint, type WeightEntry } from './checkpoint.ts';
export type { Operand } from './graph/elementwise-ops.ts';
export {
  applyLinear,
  type LinearLayer,
  linearGelu,
  linearOwing,
  linearRms,
  type Residual,
  residualNorm,
  residualSum,
  tapResidual,
} from './graph/fused-layers.ts';
export type { Graph, GraphTarget } from './graph/graph.ts';
export type { GraphOptions } from './graph/graph-base.ts';
export { type AttentionOptions, GraphBuilder, type LinearOptions } from './graph/graph-builder.ts';
export { GraphError } from './graph/graph-error.ts';
export type { Attribute } from './graph/model-proto.ts';
export type { ComputeType, ElementType, Extent, Shape, Value, ValueType } from './graph/types.ts';
export type { WeightOptions } from './graph/weights.ts';
export { type Device, type DeviceChoice, isCudaInstalled } from './session/device.ts';
export { type RuntimeFacts, runtimeFacts } from './session/runtime-facts.ts';
export { openSession, type Session, type SessionSettings } from './session/session.ts';
export { tryDevice } from './session/try-device.ts';
