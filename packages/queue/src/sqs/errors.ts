/** What SQS answers, as errors that say what to do. */
import { SQSServiceException } from '@aws-sdk/client-sqs';
import { EspalierError, ensureError, LostClaimError, RetryableError, TerminalError } from '@espalier/contracts';

type Fault = readonly [code: string, what: string, remedy: string];

const BUSY: Fault = ['QUEUE_BUSY', 'asks to slow down', 'nothing to do: it is tried again later'];
const DENIED: Fault = [
  'QUEUE_DENIED',
  'refuses this identity',
  'grant sqs:SendMessage, ReceiveMessage, DeleteMessage, ChangeMessageVisibility, GetQueueAttributes and GetQueueUrl',
];
const AWAY: Fault = ['QUEUE_UNAVAILABLE', 'does not answer', 'check the endpoint and the network'];
const BROKEN: Fault = ['QUEUE_IO', 'answers with a fault', 'nothing to do: it is tried again later'];

const DENIED_NAMES = /AccessDenied|InvalidClientTokenId|SignatureDoesNotMatch|UnrecognizedClient|ExpiredToken/;

const FAULTS: readonly (readonly [RegExp, Fault])[] = [
  [
    /QueueDoesNotExist|NonExistentQueue/,
    ['QUEUE_MISSING', 'does not exist', 'create the queue or correct the ESPALIER_QUEUE_ variables'],
  ],
  [DENIED_NAMES, DENIED],
  [/OverLimit/, ['QUEUE_BUSY', 'has too many messages in flight', 'start no more workers on this queue']],
  [/Throttl|TooManyRequests/, BUSY],
];

export function isDenied(thrown: unknown): boolean {
  if (!(thrown instanceof SQSServiceException)) return false;
  return DENIED_NAMES.test(thrown.name) || thrown.$metadata.httpStatusCode === 403;
}

/** The delivery is not ours any more: expired, received by another, deleted, or past SQS' 12 hours. */
export function isLeaseLost(thrown: unknown): boolean {
  if (!(thrown instanceof SQSServiceException)) return false;
  if (/MessageNotInflight|ReceiptHandleIsInvalid/.test(thrown.name)) return true;
  return (
    /InvalidParameterValue/.test(thrown.name) && /receipt handle|not available|beyond the limit/i.test(thrown.message)
  );
}

export function leaseLost(cause?: unknown): LostClaimError {
  return new LostClaimError('the message is visible to others again', { code: 'LEASE_LOST', cause });
}

/** @param location the queue, for the message */
export function sqsError(thrown: unknown, location: string, doing: string): Error {
  if (thrown instanceof EspalierError) return thrown;
  const error = ensureError(thrown);
  if (error.name === 'AbortError') return error;
  const answered = thrown instanceof SQSServiceException;
  const status = answered ? (thrown.$metadata.httpStatusCode ?? 0) : 0;
  if (/InvalidMessageContents|MessageTooLong|BatchRequestTooLong/.test(error.name)) {
    return new TerminalError(`${doing} failed: ${location} does not take this message (${error.message})`, {
      code: 'QUEUE_BODY_INVALID',
      remedy: 'a message is at most 1 MiB of text that XML 1.0 allows',
      cause: thrown,
    });
  }
  const named = FAULTS.find(([pattern]) => pattern.test(error.name))?.[1];
  const fault = named ?? (!answered ? AWAY : status === 429 ? BUSY : status === 403 ? DENIED : BROKEN);
  return new RetryableError(`${doing} failed: ${location} ${fault[1]} (${error.name}: ${error.message})`, {
    code: fault[0],
    remedy: fault[2],
    cause: thrown,
  });
}
