/** The vocabulary of graphs: element types, shapes with named extents, typed values. */
import type { Dtype } from '@espalier/tensors';

export type ElementType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'bool';

/** Element types a network can compute in. */
export type ComputeType = 'float32' | 'float16';

/** An extent: known, or named and bound when the graph runs (`'N'`: number of voxels). */
export type Extent = number | string;
export type Shape = readonly Extent[];

/** A value inside a graph: an input, a weight, a constant or what an operation gives. */
export interface Value {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: Shape;
}

/** Type and shape of an input or output of a finished graph. */
export interface ValueType {
  readonly type: ElementType;
  readonly shape: Shape;
}

const OF_DTYPE: Readonly<Record<Dtype, ElementType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U8: 'uint8',
  BOOL: 'bool',
};

const TO_DTYPE = Object.fromEntries(Object.entries(OF_DTYPE).map(([dtype, type]) => [type, dtype])) as Readonly<
  Record<ElementType, Dtype>
>;

export function elementTypeOf(dtype: Dtype): ElementType {
  return OF_DTYPE[dtype];
}

export function dtypeOf(type: ElementType): Dtype {
  return TO_DTYPE[type];
}
