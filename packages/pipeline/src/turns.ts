import { throwIfCancelled } from './inference/cancelled.ts';

/** Lets at most `size` holders in at a time, in the order in which they came. */
export class Turns {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(size: number) {
    this.#free = size;
  }

  /** @throws CancelledError when `signal` fires before its turn comes; `work` itself looks after it from then on */
  async hold<T>(work: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    throwIfCancelled(signal);
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(signal);
    try {
      return await work();
    } finally {
      const [next] = this.#waiting;
      if (next === undefined) this.#free += 1;
      else next();
    }
  }

  async #wait(signal: AbortSignal | undefined): Promise<void> {
    let turn = (): void => {};
    let giveUp = (): void => {};
    const came = await new Promise<boolean>((resolve) => {
      turn = () => resolve(this.#waiting.delete(turn));
      giveUp = () => resolve(!this.#waiting.delete(turn));
      this.#waiting.add(turn);
      signal?.addEventListener('abort', giveUp);
    });
    signal?.removeEventListener('abort', giveUp);
    if (!came) throwIfCancelled(signal);
  }
}
