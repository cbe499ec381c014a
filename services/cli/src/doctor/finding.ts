/** What a check found, and what to do about it. */
import { EspalierError, ensureError } from '@espalier/contracts';

/** `broken`: something that is configured does not work. `warning`: it works, but not as it should. */
export type Level = 'ok' | 'warning' | 'broken' | 'skipped';

export interface Finding {
  /** What was looked at: stable, e.g. `store.conditional-writes`. */
  readonly check: string;
  readonly level: Level;
  readonly message: string;
  /** What to do. Of every finding that is not ok. */
  readonly remedy?: string;
  /** Of the error, where there was one. */
  readonly code?: string;
}

export function ok(check: string, message: string): Finding {
  return { check, level: 'ok', message };
}

export function skipped(check: string, message: string, remedy: string): Finding {
  return { check, level: 'skipped', message, remedy };
}

export function warning(check: string, message: string, remedy: string): Finding {
  return { check, level: 'warning', message, remedy };
}

export function broken(check: string, message: string, remedy: string, code?: string): Finding {
  return { check, level: 'broken', message, remedy, ...(code !== undefined && { code }) };
}

/** An error as a finding. @param remedy for errors that bring none */
export function brokenBy(check: string, thrown: unknown, remedy: string): Finding {
  if (thrown instanceof EspalierError) return broken(check, thrown.message, thrown.remedy ?? remedy, thrown.code);
  return broken(check, ensureError(thrown).message, remedy);
}
