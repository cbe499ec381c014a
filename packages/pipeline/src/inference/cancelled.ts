import { CancelledError } from '@espalier/contracts';

/**
 * @param cause what was thrown because of the signal
 * @throws CancelledError; the signal's own reason when that is an error with a meaning, such as a deadline
 */
export function throwIfCancelled(signal: AbortSignal | undefined, cause?: unknown): void {
  if (!signal?.aborted) return;
  const { reason } = signal;
  if (reason instanceof Error && reason.name !== 'AbortError') throw reason;
  throw new CancelledError('cancelled', { cause: cause ?? reason });
}
