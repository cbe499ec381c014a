/**
 * A three-dimensional grid of bits, z fastest, whose rows start on word borders.
 *
 * After `index()` the set cells are numbered in row-major order, so that values may be kept for set cells only:
 * 257^3 cells cost 2.4 MB of bits and as much for the ranks, whatever is stored per set cell.
 */
export class BitGrid {
  readonly nx: number;
  readonly ny: number;
  readonly nz: number;
  /** 32-bit words per row along z. Bits beyond `nz` stay zero. */
  readonly rowWords: number;
  readonly words: Int32Array;
  #ranks: Int32Array | undefined;

  constructor(nx: number, ny: number, nz: number) {
    this.nx = nx;
    this.ny = ny;
    this.nz = nz;
    this.rowWords = (nz + 31) >>> 5;
    this.words = new Int32Array(nx * ny * this.rowWords);
  }

  /** First word of the row at (x, y). */
  row(x: number, y: number): number {
    return (x * this.ny + y) * this.rowWords;
  }

  set(x: number, y: number, z: number): void {
    this.words[this.row(x, y) + (z >>> 5)] = (this.words[this.row(x, y) + (z >>> 5)] as number) | (1 << (z & 31));
  }

  has(x: number, y: number, z: number): boolean {
    return (((this.words[this.row(x, y) + (z >>> 5)] as number) >>> (z & 31)) & 1) === 1;
  }

  /** Numbers the set cells; call it again after changing bits. Returns how many are set. */
  index(): number {
    const ranks = new Int32Array(this.words.length);
    let count = 0;
    for (let w = 0; w < ranks.length; w++) {
      ranks[w] = count;
      count += popCount(this.words[w] as number);
    }
    this.#ranks = ranks;
    return count;
  }

  /** Number of set cells before (x, y, z); that cell's own number when it is set. */
  rank(x: number, y: number, z: number): number {
    const word = this.row(x, y) + (z >>> 5);
    const ranks = this.#ranks as Int32Array;
    return (ranks[word] as number) + popCount((this.words[word] as number) & ((1 << (z & 31)) - 1));
  }

  /** Calls `visit` for every set cell in row-major order. */
  forEach(visit: (x: number, y: number, z: number) => void): void {
    let word = 0;
    for (let x = 0; x < this.nx; x++) {
      for (let y = 0; y < this.ny; y++) {
        for (let k = 0; k < this.rowWords; k++, word++) {
          let bits = this.words[word] as number;
          while (bits !== 0) {
            const bit = 31 - Math.clz32(bits & -bits);
            visit(x, y, (k << 5) + bit);
            bits &= bits - 1;
          }
        }
      }
    }
  }
}

export function popCount(word: number): number {
  let v = word - ((word >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
