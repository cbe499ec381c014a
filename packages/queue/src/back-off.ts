/** How long a message stays hidden after a failure. */

export interface BackOffOptions {
  /** Seconds after the first failure. @defaultValue 5 */
  readonly base?: number;
  /** Longest wait in seconds. @defaultValue 900 */
  readonly limit?: number;
  /** In [0, 1). @defaultValue Math.random */
  readonly random?: () => number;
}

export const BACK_OFF_DEFAULTS = { base: 5, limit: 900 } as const;

/** Doubles with every receive, within [half, whole] of that: messages that failed together come back apart. */
export function backOffSeconds(receiveCount: number, options: BackOffOptions = {}): number {
  const { base = BACK_OFF_DEFAULTS.base, limit = BACK_OFF_DEFAULTS.limit, random = Math.random } = options;
  const whole = Math.min(limit, base * 2 ** Math.min(30, Math.max(0, receiveCount - 1)));
  return whole * (0.5 + random() / 2);
}
