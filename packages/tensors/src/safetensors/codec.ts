/** Small safetensors files as bytes in memory: checkpoints of the pipeline, fixtures. */
import { assertTensor, bytesOf, dataFromBytes } from '../bytes.ts';
import type { Tensor } from '../tensor.ts';
import { LENGTH_BYTES, parseHeader, parseHeaderLength } from './header.ts';
import { layOut } from './layout.ts';

/** Tensors by key: a plain record or a map. */
export type NamedTensors = Readonly<Record<string, Tensor>> | ReadonlyMap<string, Tensor>;

export function namedEntries<T>(named: Readonly<Record<string, T>> | ReadonlyMap<string, T>): [string, T][] {
  return named instanceof Map ? [...named.entries()] : Object.entries(named);
}

/**
 * Encodes tensors; equal tensors and metadata give equal bytes.
 * @throws TerminalError `TENSOR_INVALID` when a tensor's values do not fit its dtype and shape.
 */
export function encodeSafetensors(tensors: NamedTensors, metadata: Readonly<Record<string, string>> = {}): Uint8Array {
  const layout = layOut(namedEntries(tensors), metadata);
  const bytes = new Uint8Array(layout.byteLength);
  bytes.set(layout.head);
  let offset = layout.head.byteLength;
  for (const { key, spec, byteLength } of layout.tensors) {
    assertTensor(spec, key);
    bytes.set(bytesOf(spec.data), offset);
    offset += byteLength;
  }
  return bytes;
}

/**
 * Decodes a whole file. Values are views on `bytes` where their alignment allows it.
 * @param name What error messages call the file.
 * @throws TerminalError `SAFETENSORS_INVALID` naming the file and the tensor at fault.
 */
export function decodeSafetensors(
  bytes: Uint8Array,
  name: string,
): { tensors: Map<string, Tensor>; metadata: Readonly<Record<string, string>> } {
  const length = parseHeaderLength(bytes.subarray(0, LENGTH_BYTES), bytes.byteLength, name);
  const header = parseHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length), bytes.byteLength, name);
  const tensors = new Map<string, Tensor>();
  for (const { key, dtype, shape, offset, byteLength } of header.entries.values()) {
    tensors.set(key, { dtype, shape, data: dataFromBytes(dtype, bytes.subarray(offset, offset + byteLength)) });
  }
  return { tensors, metadata: header.metadata };
}
