/** How long a message may be sent ahead of its time: what SQS takes, in memory too. */
import { TerminalError } from '@espalier/contracts';
import type { SendOptions } from './job-queue.ts';

/** Seconds. */
const DELAY_MAX = 900;

/** @returns seconds @throws TerminalError QUEUE_DELAY_INVALID */
export function delayOf({ delaySeconds = 0 }: SendOptions): number {
  if (delaySeconds >= 0 && delaySeconds <= DELAY_MAX) return delaySeconds;
  throw new TerminalError(`delaySeconds must be between 0 and ${DELAY_MAX}, not ${delaySeconds}`, {
    code: 'QUEUE_DELAY_INVALID',
    field: 'delaySeconds',
  });
}
