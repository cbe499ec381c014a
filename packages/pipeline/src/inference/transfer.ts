/** Large tensors cut into chunks on one side of a process boundary and put together on the other. */
import { BYTES_PER_ELEMENT, bytesOf, type Dtype, dataFromBytes, elementCount, type Tensor } from '@espalier/tensors';

/** One message of this size holds the receiver up for a few milliseconds. */
const CHUNK_BYTES = 1 << 20;

export function* chunksOf(tensor: Tensor): Generator<{ readonly offset: number; readonly bytes: Uint8Array }> {
  const bytes = bytesOf(tensor.data);
  for (let offset = 0; offset < bytes.byteLength; offset += CHUNK_BYTES) {
    yield { offset, bytes: bytes.subarray(offset, offset + CHUNK_BYTES) };
  }
}

/** Collects the chunks of one call's tensors. */
export class TensorAssembly {
  readonly #chunks = new Map<string, { offset: number; bytes: Uint8Array }[]>();

  add(tensor: string, offset: number, bytes: Uint8Array): void {
    const chunks = this.#chunks.get(tensor) ?? [];
    chunks.push({ offset, bytes });
    this.#chunks.set(tensor, chunks);
  }

  /** @throws Error when chunks are missing or do not fit the form */
  tensor(name: string, form: { readonly dtype: string; readonly shape: readonly number[] }): Tensor {
    if (!(form.dtype in BYTES_PER_ELEMENT)) throw new Error(`tensor '${name}': unknown dtype ${form.dtype}`);
    const dtype = form.dtype as Dtype;
    const bytes = new Uint8Array(elementCount(form.shape) * BYTES_PER_ELEMENT[dtype]);
    let filled = 0;
    for (const chunk of this.#chunks.get(name) ?? []) {
      if (chunk.offset !== filled || filled + chunk.bytes.byteLength > bytes.byteLength) break;
      bytes.set(chunk.bytes, filled);
      filled += chunk.bytes.byteLength;
    }
    if (filled !== bytes.byteLength) throw new Error(`tensor '${name}': ${filled} of ${bytes.byteLength} bytes came`);
    return { dtype, shape: form.shape, data: dataFromBytes(dtype, bytes) };
  }
}
