/** How long to wait before the next try of something that may pass. */
import { setTimeout as sleep } from 'node:timers/promises';

export interface Patience {
  /** Tries in a row that bring nothing before it is given up. @defaultValue 6 */
  readonly tries: number;
  /** Waits. @defaultValue real time */
  readonly sleep: (milliseconds: number, signal?: AbortSignal) => Promise<unknown>;
  /** In [0, 1). @defaultValue Math.random */
  readonly random: () => number;
}

export const PATIENCE_DEFAULTS: Patience = {
  tries: 6,
  sleep: (milliseconds, signal) => sleep(milliseconds, undefined, signal === undefined ? {} : { signal }),
  random: Math.random,
};

const LONGEST = 60_000;

/**
 * Exponential with half of it by chance: 0.5 s, 1 s, 2 s ... up to a minute; what the other side names, if longer.
 *
 * @param turn 1 at the first failure
 * @param retryAfterSeconds of the answer, where it named one
 */
export function waitOf(turn: number, random: () => number, retryAfterSeconds?: number): number {
  const own = Math.min(LONGEST, 500 * 2 ** (turn - 1)) * (0.5 + random() / 2);
  return Math.min(10 * LONGEST, Math.max(own, (retryAfterSeconds ?? 0) * 1000));
}
