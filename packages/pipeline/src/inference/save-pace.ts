/**
 * When a sampler saves. Two saves are begun in the time that a crash may lose, and no further step is taken at the
 * second one before the first is durable: whenever the process dies, what is unsaved is at most the work of that time
 * and the step in hand. Writing goes on beside the sampling; only a store slower than half the time is waited for.
 */
export interface SavePaceOptions {
  /** What a crash may lose, in the unit of `now`; 0: a save after every step. */
  readonly interval: number;
  /** @defaultValue milliseconds of a steady clock */
  readonly now?: () => number;
}

export class SavePace {
  readonly #every: number;
  readonly #now: () => number;
  #begun: number;
  #last = Promise.resolve();

  constructor({ interval, now = () => performance.now() }: SavePaceOptions) {
    this.#every = interval / 2;
    this.#now = now;
    this.#begun = now();
  }

  get isDue(): boolean {
    return this.#now() - this.#begun >= this.#every;
  }

  /**
   * Begins a save once the one before is durable, or never will be.
   *
   * @param write resolves when the save is durable, or never will be
   */
  async begin(write: () => Promise<void>): Promise<void> {
    await this.#last;
    this.beginAtOnce(write);
  }

  /** The last save of work that is given up: nobody waits. */
  beginAtOnce(write: () => Promise<void>): void {
    this.#begun = this.#now();
    this.#last = write();
  }
}
