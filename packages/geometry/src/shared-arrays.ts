/** Typed arrays in memory that threads share. */

/** A copy of plain data whose typed arrays lie in shared memory: posting it to a thread copies none of them. */
export function shareArrays<T>(value: T): T {
  if (ArrayBuffer.isView(value)) {
    const { buffer, byteOffset, byteLength } = value;
    if (buffer instanceof SharedArrayBuffer) return value;
    const bytes = new Uint8Array(new SharedArrayBuffer(byteLength));
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength));
    const TypedArray = value.constructor as new (memory: SharedArrayBuffer) => T;
    return new TypedArray(bytes.buffer);
  }
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((part) => shareArrays<unknown>(part)) as T;
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, shareArrays<unknown>(part)])) as T;
}
