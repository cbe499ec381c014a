/**
 * When a delivery is tried again.
 *
 * Source: Standard Webhooks 1.0.0, "Deliverability and reliability": a retry schedule over a few days with jitter.
 */

const MINUTE = 60;
const HOUR = 3600;

/** Seconds after each failed try; the tenth failure is the last. */
export const RETRY_DELAYS = [
  5,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];

/** A receiver may ask for patience, not for ever. Seconds. */
const RETRY_AFTER_MAX = 24 * HOUR;

/**
 * Seconds to wait after the `failures`-th failed try; undefined when that was the last.
 *
 * @param retryAfter seconds that the receiver asked for: a lower bound
 * @param random in [0, 1)
 */
export function retryDelay(failures: number, retryAfter: number | undefined, random: number): number | undefined {
  const delay = RETRY_DELAYS[failures - 1];
  if (delay === undefined) return undefined;
  // Up to a tenth more: receivers that failed together are not all asked again at once.
  return Math.max(delay * (1 + random / 10), Math.min(retryAfter ?? 0, RETRY_AFTER_MAX));
}
