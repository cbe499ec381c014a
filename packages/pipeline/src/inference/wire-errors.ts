/** Errors as they cross the process boundary, and what running out of memory looks like. */
import {
  CancelledError,
  EspalierError,
  ensureError,
  OUT_OF_MEMORY_MESSAGE,
  RejectedError,
  RetryableError,
  TerminalError,
} from '@espalier/contracts';
import type { WireError } from './protocol.ts';

/** What a thread gives back: a value, or the error it ended with. */
export type WireResult<T> = { readonly seconds: number } & ({ readonly value: T } | { readonly error: WireError });

/**
 * ONNX Runtime reports failures as text only. These are its allocators' (CPU `bad_alloc`, the BFC arena), those of
 * CUDA, cuBLAS and cuDNN, and V8's.
 */
const OUT_OF_MEMORY =
  /out of memory|bad_alloc|failed to allocate|BFCArena|ALLOC_FAILED|array buffer allocation failed|reaching memory limit|heap limit/i;

export function isOutOfMemory(text: string): boolean {
  return OUT_OF_MEMORY.test(text);
}

/** May succeed on a machine with more memory; here it would fail again. */
export function outOfMemory(cause: unknown): RetryableError {
  return new RetryableError(OUT_OF_MEMORY_MESSAGE, {
    code: 'OUT_OF_MEMORY',
    remedy: 'try a simpler prompt or a lower texture_size, or a machine with more memory',
    cause,
  });
}

export function toWire(thrown: unknown): WireError {
  const error = ensureError(thrown);
  const stack = error.stack === undefined ? {} : { stack: error.stack };
  if (!(error instanceof EspalierError)) {
    return { consequence: 'unknown', code: 'INTERNAL', message: error.message, ...stack };
  }
  return {
    consequence: consequenceOf(error),
    code: error.code,
    message: error.message,
    ...(error.field !== undefined && { field: error.field }),
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    ...stack,
  };
}

function consequenceOf(error: EspalierError): WireError['consequence'] {
  if (error instanceof RejectedError) return 'rejected';
  if (error instanceof TerminalError) return 'terminal';
  if (error instanceof CancelledError) return 'cancelled';
  return 'retryable';
}

/** The error that was thrown on the other side, with that side's stack as its cause. */
export function fromWire(wire: WireError, failureCode: string): Error {
  const cause = new Error(wire.message);
  if (wire.stack !== undefined) cause.stack = wire.stack;
  const { code, field, remedy } = wire;
  const options = { code, cause, ...(field !== undefined && { field }), ...(remedy !== undefined && { remedy }) };
  // The accelerator's own error says by its class whether it is worth another try.
  const classed = wire.message === OUT_OF_MEMORY_MESSAGE || wire.consequence === 'cancelled';
  if (!classed && isOutOfMemory(wire.message)) return outOfMemory(cause);
  switch (wire.consequence) {
    case 'rejected':
      return new RejectedError(wire.message, options);
    case 'terminal':
      return new TerminalError(wire.message, options);
    case 'cancelled':
      return new CancelledError(wire.message, options);
    case 'retryable':
      return new RetryableError(wire.message, options);
    case 'unknown':
      return new RetryableError(wire.message, { ...options, code: failureCode });
  }
}
