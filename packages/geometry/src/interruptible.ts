/** How long computations report progress and can be stopped from within the thread that runs them. */

import { CancelledError } from '@espalier/contracts';

export interface Interruptible {
  /** Looked at between the steps of the work. */
  readonly signal?: AbortSignal | undefined;
  /** Called between the steps with the share done, 0 to 1. What it throws ends the work. */
  readonly onProgress?: ((share: number) => void) | undefined;
}

/** @throws CancelledError when the signal was aborted. */
export function checkpoint({ signal, onProgress }: Interruptible, share?: number): void {
  if (share !== undefined) onProgress?.(share);
  if (signal?.aborted) throw new CancelledError('cancelled', { cause: signal.reason });
}
