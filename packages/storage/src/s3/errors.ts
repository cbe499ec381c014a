/** What S3 answers, as errors that say what to do. Every fault of the store is one that may heal. */
import { S3ServiceException } from '@aws-sdk/client-s3';
import { EspalierError, ensureError, RetryableError, TerminalError } from '@espalier/contracts';

/** Error code and HTTP status of an answer; undefined for anything that was no answer. */
export function answerOf(thrown: unknown): { readonly name: string; readonly status: number } | undefined {
  if (!(thrown instanceof S3ServiceException)) return undefined;
  return { name: thrown.name, status: thrown.$metadata.httpStatusCode ?? 0 };
}

/** Tries that the request took before it was answered so. */
export function attemptsOf(thrown: unknown): number {
  return thrown instanceof S3ServiceException ? (thrown.$metadata.attempts ?? 1) : 1;
}

export function isMissingKey(thrown: unknown): boolean {
  const answer = answerOf(thrown);
  // HEAD has no body to carry a code: the SDK calls its 404 `NotFound`.
  return answer?.status === 404 && ['NoSuchKey', 'NotFound', 'NoSuchVersion'].includes(answer.name);
}

export function isConditionFailure(thrown: unknown): boolean {
  const answer = answerOf(thrown);
  return answer?.status === 412 || answer?.name === 'PreconditionFailed';
}

/** A concurrent operation on the key: S3 asks to try again. */
export function isConflict(thrown: unknown): boolean {
  const answer = answerOf(thrown);
  return answer?.status === 409 && ['ConditionalRequestConflict', 'OperationAborted', 'Conflict'].includes(answer.name);
}

type Fault = readonly [code: string, what: string, remedy: string];

const FULL: Fault = ['STORE_FULL', 'is full', 'raise its quota or free some space; jobs go on from their checkpoints'];
const DENIED: Fault = [
  'STORE_DENIED',
  'refuses this identity',
  'grant s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket (without the last a missing key looks forbidden)',
];
const NO_BUCKET: Fault = ['STORE_NO_BUCKET', 'has no such bucket', 'create the bucket or correct ESPALIER_STORE'];
const BUSY: Fault = ['STORE_BUSY', 'asks to slow down', 'nothing to do: it is tried again later'];

const BY_NAME: Readonly<Record<string, Fault>> = {
  NoSuchBucket: NO_BUCKET,
  QuotaExceeded: FULL,
  InsufficientStorage: FULL,
  XMinioStorageFull: FULL,
  SlowDown: BUSY,
  SlowDownWrite: BUSY,
  SlowDownRead: BUSY,
  TooManyRequests: BUSY,
  RequestTimeTooSkewed: ['STORE_CLOCK', "disagrees with this machine's clock", 'set the clock, e.g. with NTP'],
};
const BY_STATUS: Readonly<Record<number, Fault>> = { 401: DENIED, 403: DENIED, 429: BUSY, 503: BUSY, 507: FULL };

const AWAY: Fault = ['STORE_UNAVAILABLE', 'does not answer', 'check the endpoint and the network'];
const BROKEN: Fault = ['STORE_IO', 'answers with a fault', 'nothing to do: it is tried again later'];

/** @param location the store, for the message */
export function s3Error(thrown: unknown, location: string, doing: string): Error {
  if (thrown instanceof EspalierError) return thrown;
  const error = ensureError(thrown);
  if (error.name === 'AbortError') return error;
  const answer = answerOf(thrown);
  const name = answer?.name ?? error.name;
  if (answer?.name === 'KeyTooLongError' || answer?.name === 'InvalidURI') {
    return new TerminalError(`${doing} failed in ${location}: the key is not allowed there`, {
      code: 'STORE_KEY_INVALID',
      field: 'key',
      remedy: 'a key is 1 to 1024 bytes of UTF-8',
      cause: thrown,
    });
  }
  const fault = (answer && (BY_NAME[name] ?? BY_STATUS[answer.status] ?? BROKEN)) ?? AWAY;
  const detail = answer === undefined ? `${error.name}: ${error.message}` : `${name}, HTTP ${answer.status}`;
  return new RetryableError(`${doing} failed: ${location} ${fault[1]} (${detail})`, {
    code: fault[0],
    remedy: fault[2],
    cause: thrown,
  });
}
