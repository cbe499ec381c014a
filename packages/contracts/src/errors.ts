/**
 * Errors modelled by what happens next, not by where they came from.
 *
 * A caller decides by class alone: a `TerminalError` is never tried again, a `RetryableError` may be, a
 * `CancelledError` ends the job as asked, a `LostClaimError` means that another worker owns the job now and
 * this one must write nothing more. `code` is stable and safe to match on; `message` is for people.
 */

export interface EspalierErrorOptions {
  /** Stable, upper snake case, e.g. `MODEL_NOT_FOUND`. */
  readonly code: string;
  /** Name of the field, key or file at fault. */
  readonly field?: string;
  /** What a person can do about it. */
  readonly remedy?: string;
  readonly cause?: unknown;
}

export abstract class EspalierError extends Error {
  readonly code: string;
  readonly field: string | undefined;
  readonly remedy: string | undefined;

  constructor(message: string, options: EspalierErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = options.code;
    this.field = options.field;
    this.remedy = options.remedy;
  }
}

/** Never retried: the same input would fail in the same way. */
export class TerminalError extends EspalierError {
  override readonly name: string = 'TerminalError';
}

/** A `TerminalError` whose fault lies in what the user sent. The job is rejected, its input kept. */
export class RejectedError extends TerminalError {
  override readonly name: string = 'RejectedError';
}

/** May succeed when tried again, on this machine or another. */
export class RetryableError extends EspalierError {
  override readonly name: string = 'RetryableError';
  /** Shortest wait in seconds before the next try, when the other side named one. */
  readonly retryAfterSeconds: number | undefined;

  constructor(message: string, options: EspalierErrorOptions & { readonly retryAfterSeconds?: number }) {
    super(message, options);
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** Somebody asked for the end of this work. Checkpoints stay. */
export class CancelledError extends EspalierError {
  override readonly name: string = 'CancelledError';

  constructor(message = 'cancelled', options: Partial<EspalierErrorOptions> = {}) {
    super(message, { code: 'CANCELLED', ...options });
  }
}

/** The job belongs to another worker now: stop at once and write nothing. */
export class LostClaimError extends EspalierError {
  override readonly name: string = 'LostClaimError';

  constructor(message: string, options: Partial<EspalierErrorOptions> = {}) {
    super(message, { code: 'CLAIM_LOST', ...options });
  }
}

/** Makes an `Error` of anything that was thrown. */
export function ensureError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
