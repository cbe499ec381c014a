/** What every floor takes from outside, so that tests hold time, chance and logs in their own hands. */

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** Gives a whole number in [0, bound). `node:crypto`'s `randomInt` is one. */
export type RandomInteger = (bound: number) => number;

/** The part of pino's logger that is used here; pino's own fits. */
export interface Logger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
  child(bindings: Record<string, unknown>): Logger;
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};
