/** How far a run is: told on standard error while it lasts, and kept by fifths to show whether it gets slower. */

const PARTS = 5;
/** Milliseconds between two lines. */
const EVERY = 10_000;

export class Progress {
  readonly #name: string;
  readonly #of: number;
  readonly #began = performance.now();
  /** Milliseconds at which each fifth was done. */
  readonly #marks: number[] = [];
  #done = 0;
  #lastAt = this.#began;
  #toldAt = this.#began;
  #toldDone = 0;

  constructor(name: string, of: number) {
    this.#name = name;
    this.#of = of;
  }

  /** One more is done. */
  advance(): void {
    this.#done += 1;
    const now = performance.now();
    this.#lastAt = now;
    if (this.#done >= (this.#of * (this.#marks.length + 1)) / PARTS) this.#marks.push(now);
    if (!this.isDone && now - this.#toldAt < EVERY) return;
    const rate = ((this.#done - this.#toldDone) / (now - this.#toldAt)) * 1000;
    process.stderr.write(`${this}, ${rate.toFixed(1)} a second\n`);
    this.#toldAt = now;
    this.#toldDone = this.#done;
  }

  get isDone(): boolean {
    return this.#done >= this.#of;
  }

  /** From the start to the last one that was done. */
  get seconds(): number {
    return (this.#lastAt - this.#began) / 1000;
  }

  /** A second, in each fifth of the run. */
  get rates(): number[] {
    return this.#marks.map((mark, index) => {
      const from = this.#marks[index - 1] ?? this.#began;
      return Number(((this.#of / PARTS / (mark - from)) * 1000).toFixed(1));
    });
  }

  toString(): string {
    return `${this.#name}: ${this.#done} of ${this.#of}`;
  }
}
