/** Signals that end a job. */
import { CancelledError, type Clock, type Job } from '@espalier/contracts';

export interface JobSignal {
  readonly signal: AbortSignal;
  /** Lets go of the timer. */
  release(): void;
}

/** Longest time that one timer can run. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * Fires when `cancel` does, or at the job's deadline with a CancelledError DEADLINE_EXCEEDED.
 *
 * @param submittedAt milliseconds since the epoch; the deadline counts from here
 */
export function jobSignal(job: Job, submittedAt: number, clock: Clock, cancel: AbortSignal | undefined): JobSignal {
  const deadline = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const { deadline_seconds: limit } = job;
  if (limit !== undefined) {
    const expire = (): void => {
      const left = submittedAt + limit * 1000 - clock.now();
      if (left > 0) {
        timer = setTimeout(expire, Math.min(left, TIMER_MAX_MS));
        timer.unref();
        return;
      }
      const error = new CancelledError(`the job was not done within its deadline of ${limit} seconds`, {
        code: 'DEADLINE_EXCEEDED',
        field: 'deadline_seconds',
        remedy: 'submit it again with a longer deadline: what is done is kept',
      });
      deadline.abort(error);
    };
    expire();
  }
  const signal = cancel === undefined ? deadline.signal : AbortSignal.any([cancel, deadline.signal]);
  return { signal, release: () => clearTimeout(timer) };
}
