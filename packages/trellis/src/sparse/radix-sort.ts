/** Keys are sorted by so many bits at a time: three passes for positions along a curve of 10 bits an axis. */
const BITS = 10;

/** Rows by ascending keys, rows of equal keys in their order. @param keys [N], none negative. */
export function ascending(keys: Int32Array): Int32Array {
  const greatest = keys.reduce((most, key) => Math.max(most, key), 0);
  let order = Int32Array.from(keys.keys());
  let sorted = new Int32Array(keys.length);
  for (let shift = 0; shift < 31 && greatest >> shift > 0; shift += BITS) {
    const digit = (row: number) => ((keys[row] as number) >> shift) & (2 ** BITS - 1);
    const next = new Int32Array(2 ** BITS + 1);
    for (const row of order) next[digit(row) + 1] = (next[digit(row) + 1] as number) + 1;
    for (let value = 0; value < 2 ** BITS; value++)
      next[value + 1] = (next[value + 1] as number) + (next[value] as number);
    for (const row of order) {
      const at = next[digit(row)] as number;
      next[digit(row)] = at + 1;
      sorted[at] = row;
    }
    [order, sorted] = [sorted, order];
  }
  return order;
}
