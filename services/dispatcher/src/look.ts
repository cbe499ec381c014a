/** What the bucket says about a job: the only thing that decides whether it is to be sent. */
import { randomInt } from 'node:crypto';
import { type Clock, isTerminal, type JobStatus, newOwnerTag } from '@espalier/contracts';
import { type ObjectStore, readStatus } from '@espalier/storage';
import { attemptClaim, handedTo, isNewSubmission, leaseEnd, readSubmission, retryTime } from '@espalier/worker';

export type Look =
  /** The job object was removed. */
  | { readonly kind: 'gone' }
  /** At its end; `webhook`: somebody wants to know. */
  | { readonly kind: 'ended'; readonly id: string; readonly webhook: boolean }
  /** The GPU's part is done. */
  | { readonly kind: 'finish'; readonly id: string }
  /** A worker holds it until then, in milliseconds since the epoch, unless it renews its lease. */
  | { readonly kind: 'held'; readonly id: string; readonly until: number; readonly status: JobStatus }
  /** Not to be tried before then. */
  | { readonly kind: 'waits'; readonly id: string; readonly until: number }
  | { readonly kind: 'due'; readonly id: string; readonly status: JobStatus | undefined };

export interface LookContext {
  readonly store: ObjectStore;
  readonly clock: Clock;
}

const tag = newOwnerTag();

/**
 * @param key of the job object
 * @throws RetryableError STORE_*; TerminalError STATUS_UNREADABLE
 */
export async function lookAt({ store, clock }: LookContext, key: string): Promise<Look> {
  const reading = await readSubmission(store, { key }, (bound) => randomInt(bound));
  if (reading === undefined) return { kind: 'gone' };
  const { id } = reading.submission;
  const seen = await readStatus(store, id);
  const taken = seen !== undefined && seen.status.source !== reading.submission.source;
  if ('refusal' in reading || taken) {
    // Nothing that costs a GPU: it is refused here, in the words a worker would use.
    const claim = await attemptClaim({ store, clock, worker: tag, leaseMs: 1000, settleMs: 0 }, reading);
    // Of a job that could not be read, the notifier finds out whether it names a webhook.
    return claim.kind === 'later' ? { kind: 'waits', id, until: claim.at } : { kind: 'ended', id, webhook: true };
  }
  if (seen === undefined) return { kind: 'due', id, status: undefined };
  const { status } = seen;
  const now = clock.now();
  if (status.state === 'running' && leaseEnd(status) > now)
    return { kind: 'held', id, until: leaseEnd(status), status };
  if (isNewSubmission(reading.submission, seen)) return { kind: 'due', id, status: undefined };
  if (isTerminal(status.state)) return { kind: 'ended', id, webhook: reading.job.webhook !== undefined };
  if (handedTo(status) === 'finish') return { kind: 'finish', id };
  if (retryTime(status) > now) return { kind: 'waits', id, until: retryTime(status) };
  return { kind: 'due', id, status };
}
