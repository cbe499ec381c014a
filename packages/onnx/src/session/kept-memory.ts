/** Memory of large outputs, kept from run to run: the system takes longer to give it than a GPU to fill it. */
export class KeptMemory {
  readonly #buffers = new Map<string, ArrayBuffer>();

  /** Memory for an output of this name, of the last run or larger. */
  take(name: string, byteLength: number): Uint8Array {
    let buffer = this.#buffers.get(name);
    if (buffer === undefined || buffer.byteLength < byteLength) {
      // The old one first: never both.
      this.#buffers.delete(name);
      buffer = new ArrayBuffer(byteLength);
      this.#buffers.set(name, buffer);
    }
    return new Uint8Array(buffer, 0, byteLength);
  }

  /** The same bytes, copied if they stand in memory that the next run writes to. */
  own(bytes: Uint8Array): Uint8Array {
    return [...this.#buffers.values()].includes(bytes.buffer as ArrayBuffer) ? bytes.slice() : bytes;
  }

  release(): void {
    this.#buffers.clear();
  }
}
