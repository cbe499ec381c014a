/** Dense arrays as they stand in files and graphs: a dtype, a shape and the values in row-major order. */

/** Element types of the safetensors format that this project reads. */
export type Dtype = 'F64' | 'F32' | 'F16' | 'BF16' | 'I64' | 'I32' | 'I16' | 'I8' | 'U8' | 'BOOL';

/** Values of one tensor. F16 and BF16 are held as their raw 16 bits. */
export type TensorData =
  | Float64Array
  | Float32Array
  | Uint16Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint8Array;

export interface Tensor<D extends TensorData = TensorData> {
  readonly dtype: Dtype;
  /** Extent of each axis; `[]` is a scalar. */
  readonly shape: readonly number[];
  readonly data: D;
}

export const BYTES_PER_ELEMENT: Readonly<Record<Dtype, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** Number of elements of a shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

export function float32(shape: readonly number[], data: Float32Array): Tensor<Float32Array> {
  return { dtype: 'F32', shape, data };
}

export function int32(shape: readonly number[], data: Int32Array): Tensor<Int32Array> {
  return { dtype: 'I32', shape, data };
}
