/** Tensors as little-endian bytes, the order of safetensors files and of every platform that Node 20 runs on. */
import { TerminalError } from '@espalier/contracts';
import { BYTES_PER_ELEMENT, type Dtype, elementCount, type Tensor, type TensorData } from './tensor.ts';

type DataConstructor = {
  readonly name: string;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorData;
  readonly BYTES_PER_ELEMENT: number;
};

const CONSTRUCTORS: Readonly<Record<Dtype, DataConstructor>> = {
  F64: Float64Array,
  F32: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
};

/** The typed array of a dtype over `bytes`; copies only where the bytes are not aligned for it. */
export function dataFromBytes(dtype: Dtype, bytes: Uint8Array): TensorData {
  const size = BYTES_PER_ELEMENT[dtype];
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return new CONSTRUCTORS[dtype](aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}

/** The bytes under a tensor's values, not copied. */
export function bytesOf(data: TensorData): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * Checks that dtype, shape and values of a tensor belong together.
 * @throws TerminalError `TENSOR_INVALID` naming `name`.
 */
export function assertTensor(tensor: Tensor, name: string): void {
  const expected = CONSTRUCTORS[tensor.dtype];
  const count = elementCount(tensor.shape);
  if (!(tensor.data instanceof expected) || tensor.data.length !== count) {
    throw new TerminalError(
      `tensor '${name}': ${tensor.dtype} of shape [${tensor.shape}] needs ${count} elements in a ${expected.name}, ` +
        `got ${tensor.data.length} in a ${tensor.data.constructor.name}`,
      { code: 'TENSOR_INVALID', field: name },
    );
  }
}
