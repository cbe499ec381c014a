/** Errors as answers: the shape callers of the TRELLIS RunPod worker know, `{"error": message}`, with more beside it. */
import { EspalierError, type EspalierErrorOptions, RejectedError, RetryableError } from '@espalier/contracts';

/** A refusal that belongs to HTTP alone. Thrown by routes, rendered by `errorAnswer`. */
export class HttpError extends EspalierError {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string, options: EspalierErrorOptions) {
    super(message, options);
    this.status = status;
  }
}

export interface ErrorAnswer {
  readonly error: string;
  /** Stable and safe to match on. */
  readonly code: string;
  readonly field?: string;
  readonly remedy?: string;
  readonly request_id: string;
}

interface Rendered {
  readonly status: number;
  readonly body: ErrorAnswer;
  readonly retryAfterSeconds?: number;
  /** The fault is ours and belongs in the log. */
  readonly unexpected: boolean;
}

/** What of an error a stranger may see. An unexpected one says only where to look it up. */
export function errorAnswer(thrown: unknown, requestId: string): Rendered {
  if (thrown instanceof EspalierError) {
    const { message, code, field, remedy } = thrown;
    const body = {
      error: message,
      code,
      ...(field !== undefined && { field }),
      ...(remedy !== undefined && { remedy }),
      request_id: requestId,
    };
    if (thrown instanceof HttpError) return { status: thrown.status, body, unexpected: false };
    if (thrown instanceof RejectedError) {
      return { status: REJECTED_STATUSES[thrown.code] ?? 400, body, unexpected: false };
    }
    if (thrown instanceof RetryableError) {
      const retryAfterSeconds = Math.ceil(thrown.retryAfterSeconds ?? 5);
      return { status: 503, body, retryAfterSeconds, unexpected: true };
    }
  }
  const status = statusOf(thrown);
  if (status !== undefined && status >= 400 && status < 500) {
    const { message, code } = thrown as { message?: unknown; code?: unknown };
    return {
      status,
      body: {
        error: String(message ?? 'refused'),
        code: FRAMEWORK_CODES[status] ?? String(code ?? 'REQUEST_INVALID'),
        request_id: requestId,
      },
      unexpected: false,
    };
  }
  return {
    status: 500,
    body: {
      error: 'something went wrong on the server',
      code: 'INTERNAL',
      remedy: `look for request ${requestId} in its log`,
      request_id: requestId,
    },
    unexpected: true,
  };
}

/** Rejections that HTTP has a word of its own for. */
const REJECTED_STATUSES: Readonly<Record<string, number>> = {
  BODY_TOO_LARGE: 413,
  FROM_NOT_FOUND: 404,
  FROM_NOT_READY: 409,
};

/** Stable names for what the HTTP framework refuses by itself. */
const FRAMEWORK_CODES: Readonly<Record<number, string>> = {
  400: 'REQUEST_INVALID',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'BODY_TOO_LARGE',
  415: 'MEDIA_TYPE_UNSUPPORTED',
  429: 'RATE_LIMITED',
  431: 'HEADERS_TOO_LARGE',
};

function statusOf(thrown: unknown): number | undefined {
  const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}
