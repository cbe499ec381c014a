/**
 * Memory of large results, from one asset to the next: the system takes longer to give hundreds of megabytes than a GPU to
 * fill them. One buffer at most is held; what is never given back is garbage like any other.
 */
export class SpareMemory {
  #buffer: ArrayBuffer | undefined;

  /** Memory for so many values, from the start of a buffer that is the caller's alone. What stands in it is left as it is. */
  take(length: number): Float32Array {
    const byteLength = length * Float32Array.BYTES_PER_ELEMENT;
    const spare = this.#buffer;
    // One that is too small goes: never both.
    this.#buffer = undefined;
    const fits = spare !== undefined && spare.byteLength >= byteLength;
    return new Float32Array(fits ? spare : new ArrayBuffer(byteLength), 0, length);
  }

  /** Holds the buffer of these values for who takes next, unless a larger one is there. See {@link takeOver}. */
  giveBack(values: Float32Array): void {
    const buffer = takeOver(values);
    if (buffer.byteLength > (this.#buffer?.byteLength ?? 0)) this.#buffer = buffer;
  }
}

/**
 * Takes the whole buffer of some values from whoever has it: every array over it is empty from then on, so that nobody goes
 * on reading what is written over, or gives the same memory back twice. Nothing is copied.
 */
export function takeOver({ buffer }: Float32Array): ArrayBuffer {
  return structuredClone(buffer as ArrayBuffer, { transfer: [buffer as ArrayBuffer] });
}
