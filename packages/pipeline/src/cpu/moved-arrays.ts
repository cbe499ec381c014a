/** Typed arrays that change threads with their memory, in place of a copy. Who gives them away has them no more. */

/**
 * The array itself where it begins its buffer and so is taken for its owner, even of one that is longer; else a copy,
 * since a buffer moves as a whole.
 */
export function withOwnBuffer<A extends Int32Array | Float32Array>(array: A): A {
  const { buffer, byteOffset } = array;
  return buffer instanceof ArrayBuffer && byteOffset === 0 ? array : (array.slice() as A);
}

/** The buffers under the typed arrays of plain data, each once. Shared memory is none that could move. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const found = new Set<ArrayBuffer>();
  const visit = (part: unknown): void => {
    if (ArrayBuffer.isView(part)) {
      if (part.buffer instanceof ArrayBuffer) found.add(part.buffer);
    } else if (typeof part === 'object' && part !== null) {
      for (const inner of Object.values(part)) visit(inner);
    }
  };
  visit(value);
  return [...found];
}
