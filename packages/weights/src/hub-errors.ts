/** What a hub answers, as errors that say what to do. */
import { type EspalierError, RetryableError, TerminalError } from '@espalier/contracts';

export interface HubAnswer {
  readonly status: number;
  readonly hub: string;
  /** The repository or file that was asked for. */
  readonly what: string;
  readonly hasToken: boolean;
  readonly retryAfterSeconds?: number | undefined;
}

export function hubError(
  { status, hub, what, hasToken, retryAfterSeconds }: HubAnswer,
  cause?: unknown,
): EspalierError {
  if (status === 401 || status === 403) {
    const remedy = hasToken
      ? `let the account of HF_TOKEN read it: its page ${hub}/${what.split('/').slice(0, 2).join('/')} may ask to agree to terms`
      : 'check the name; a private or gated repository needs a token in HF_TOKEN';
    return new TerminalError(`${hub} refuses ${what} (HTTP ${status})`, {
      code: 'MODEL_DENIED',
      field: 'HF_TOKEN',
      remedy,
      cause,
    });
  }
  if (status === 404) {
    return new TerminalError(`${hub} has no ${what} (HTTP 404)`, {
      code: 'MODEL_REVISION_NOT_FOUND',
      field: what,
      remedy: 'check the name and --revision',
      cause,
    });
  }
  if (status === 429 || status >= 500) {
    return new RetryableError(`${hub} is busy or broken (HTTP ${status} for ${what})`, {
      code: 'SOURCE_UNAVAILABLE',
      remedy: 'run the command again later: it goes on where it stopped; a token in HF_TOKEN raises the limits',
      ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
      cause,
    });
  }
  return new TerminalError(`${hub} answers HTTP ${status} for ${what}`, {
    code: 'SOURCE_ANSWER_INVALID',
    field: what,
    remedy: 'check HF_ENDPOINT',
    cause,
  });
}

export function unreachable(location: string, what: string, cause: unknown): RetryableError {
  // Node's fetch says only "fetch failed"; why stands in its cause.
  const inner = cause instanceof Error && cause.cause instanceof Error ? `: ${cause.cause.message}` : '';
  const why = cause instanceof Error ? `${cause.message}${inner}` : String(cause);
  return new RetryableError(`${location} cannot be reached for ${what} (${why})`, {
    code: 'SOURCE_UNAVAILABLE',
    remedy:
      'run the command again: it goes on where it stopped; check the network, HF_ENDPOINT and proxies, or name a mirror with --from',
    cause,
  });
}
