/**
 * Mersenne Twister MT19937 (Matsumoto & Nishimura 1998, reference `mt19937ar`), seeded by one 32-bit word as torch does.
 */

const N = 624;
const M = 397;

export class Mt19937 {
  readonly #state = new Uint32Array(N);
  /** Next word of the block; N when the block is used up. */
  #next = N;

  /** @param seed Only its low 32 bits count. */
  constructor(seed: number) {
    const state = this.#state;
    state[0] = seed;
    for (let i = 1; i < N; i++) {
      const last = state[i - 1] as number;
      state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
  }

  /** The next 32-bit output, unsigned. */
  next(): number {
    if (this.#next === N) {
      this.#twist();
      this.#next = 0;
    }
    let y = this.#state[this.#next++] as number;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  /** Passes over `count` outputs at the cost of one state update per 624. */
  skip(count: number): void {
    let position = this.#next + count;
    while (position > N) {
      this.#twist();
      position -= N;
    }
    this.#next = position;
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N; i++) {
      const y = ((state[i] as number) & 0x80000000) | ((state[(i + 1) % N] as number) & 0x7fffffff);
      state[i] = (state[(i + M) % N] as number) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
  }
}
