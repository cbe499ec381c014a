import { setImmediate as nextTurn } from 'node:timers/promises';
import { CancelledError, EspalierError } from '@espalier/contracts';

export interface WorkOptions {
  /** Looked at between calls. */
  readonly signal?: AbortSignal | undefined;
  /** Called between calls with the share done, 0 to 1. What it throws ends the work. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** Work in many short calls: tells how far it is, and stops between two of them when asked. */
export class ChunkedWork {
  readonly #total: number;
  readonly #options: WorkOptions;
  #done = 0;

  /** @param total What all calls cost together, in any unit. */
  constructor(total: number, options: WorkOptions) {
    this.#total = total;
    this.#options = options;
  }

  /**
   * To be awaited after every call. Lets one turn of the event loop pass, since calls into the networks block it and
   * word of a cancellation could not come in otherwise.
   *
   * @throws CancelledError when the signal is aborted; what it was aborted with when that is an error of this project.
   */
  async advance(cost: number): Promise<void> {
    this.#done += cost;
    this.#options.onProgress?.(Math.min(1, this.#done / this.#total));
    await nextTurn();
    const { signal } = this.#options;
    if (!signal?.aborted) return;
    throw signal.reason instanceof EspalierError
      ? signal.reason
      : new CancelledError('cancelled', { cause: signal.reason });
  }
}
