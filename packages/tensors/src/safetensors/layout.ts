/** Order and header of a safetensors file that is about to be written. */
import { TerminalError } from '@espalier/contracts';
import { BYTES_PER_ELEMENT, type Dtype, elementCount } from '../tensor.ts';
import { LENGTH_BYTES } from './header.ts';

export interface TensorSpec {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
}

export interface SafetensorsLayout<S extends TensorSpec> {
  /** Length field and JSON, padded with spaces to a multiple of 8 bytes. */
  readonly head: Uint8Array;
  /** In the order of the file. */
  readonly tensors: readonly { readonly key: string; readonly byteLength: number; readonly spec: S }[];
  readonly byteLength: number;
}

/**
 * Lays tensors out by falling element size, then by key: every tensor is aligned for its dtype, and the same tensors
 * give the same bytes whatever order they came in.
 * @throws TerminalError `TENSOR_INVALID` for the reserved key `__metadata__` and for a shape that is none.
 */
export function layOut<S extends TensorSpec>(
  specs: Iterable<readonly [string, S]>,
  metadata: Readonly<Record<string, string>>,
): SafetensorsLayout<S> {
  const tensors = [...specs].map(([key, spec]) => {
    if (key === '__metadata__' || spec.shape.some((extent) => !Number.isSafeInteger(extent) || extent < 0)) {
      const problem = key === '__metadata__' ? 'this key is reserved' : `[${spec.shape}] is not a shape`;
      throw new TerminalError(`tensor '${key}': ${problem}`, { code: 'TENSOR_INVALID', field: key });
    }
    return { key, spec, byteLength: elementCount(spec.shape) * BYTES_PER_ELEMENT[spec.dtype] };
  });
  tensors.sort(
    (a, b) => BYTES_PER_ELEMENT[b.spec.dtype] - BYTES_PER_ELEMENT[a.spec.dtype] || compareText(a.key, b.key),
  );
  const fields: string[] = [];
  const notes = Object.entries(metadata).sort(([a], [b]) => compareText(a, b));
  if (notes.length > 0) {
    fields.push(`"__metadata__":{${notes.map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`).join(',')}}`);
  }
  let offset = 0;
  for (const { key, spec, byteLength } of tensors) {
    const entry = { dtype: spec.dtype, shape: spec.shape, data_offsets: [offset, offset + byteLength] };
    fields.push(`${JSON.stringify(key)}:${JSON.stringify(entry)}`);
    offset += byteLength;
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`);
  const padded = Math.ceil(json.byteLength / 8) * 8;
  const head = new Uint8Array(LENGTH_BYTES + padded).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(padded), true);
  head.set(json, LENGTH_BYTES);
  return { head, tensors, byteLength: head.byteLength + offset };
}

/** By UTF-16 code units: the same on every machine, unlike `localeCompare`. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
