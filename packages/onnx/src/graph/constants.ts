/** Numbers of a program as the bytes of a constant. */
import { floatToHalf } from '@espalier/tensors';
import { GraphError } from './graph-error.ts';
import type { ElementType } from './types.ts';

/** Little-endian bytes of `values`, rounded to `type`. */
export function encodeNumbers(values: ArrayLike<number>, type: ElementType): Uint8Array {
  const typed = encodeTyped(values, type);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function encodeTyped(values: ArrayLike<number>, type: ElementType): ArrayBufferView {
  switch (type) {
    case 'float32':
      return Float32Array.from(values);
    case 'float16':
      return floatToHalf(Float32Array.from(values));
    case 'float64':
      return Float64Array.from(values);
    case 'int64':
      return BigInt64Array.from(Array.from(values, BigInt));
    case 'int32':
      return Int32Array.from(values);
    case 'bool':
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    default:
      throw new GraphError(`constants of type ${type} are not supported`);
  }
}
