/**
 * An abort that follows others. In place of `AbortSignal.any`, whose results Node 20 may collect while they are waited
 * for, and with them the news of an abort.
 */
export class LinkedAbort {
  readonly #controller = new AbortController();
  readonly #followed: (AbortSignal | undefined)[];
  readonly #follow = (event: Event): void => this.abort((event.target as AbortSignal).reason);

  constructor(...followed: (AbortSignal | undefined)[]) {
    this.#followed = followed;
    for (const signal of followed) {
      if (signal?.aborted) this.abort(signal.reason);
      signal?.addEventListener('abort', this.#follow);
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Lets go of the signals that it follows. */
  release(): void {
    for (const signal of this.#followed) signal?.removeEventListener('abort', this.#follow);
  }

  /** Settles with `work`, or rejects as soon as there is an abort, whatever becomes of `work`. */
  async race<T>(work: Promise<T>): Promise<T> {
    work.catch(() => {}); // after an abort nobody listens to it any more
    const { signal } = this;
    signal.throwIfAborted();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_resolve, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      return await Promise.race([work, aborted]);
    } finally {
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    }
  }
}
