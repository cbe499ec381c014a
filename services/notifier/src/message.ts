/** Messages of the notify queue: "this job has ended", and "it is time for this try". */
import { encodeJobTurn, parseMessage } from '@espalier/queue';
import { z } from 'zod';

const RetrySchema = z.object({
  espalier: z.object({
    delivery: z.object({ webhook_id: z.string(), failures: z.int().min(0), replays: z.int().min(0) }),
  }),
});

export interface NotifyMessage {
  readonly job: string;
  /** Present in the messages that carry the schedule. Void once the record has moved on. */
  readonly delivery?: { readonly webhook_id: string; readonly failures: number; readonly replays: number };
}

export function encodeNotify({ job, delivery }: NotifyMessage): string {
  if (delivery === undefined) return encodeJobTurn({ job });
  const { webhook_id, failures, replays } = delivery;
  return JSON.stringify({ espalier: { job, delivery: { webhook_id, failures, replays } } });
}

/** Gives the reason when the message is none of these. */
export function parseNotify(body: string): NotifyMessage | { readonly reason: string } {
  const message = parseMessage(body);
  if (message.kind !== 'turn') {
    return { reason: message.kind === 'invalid' ? message.reason : `the notify queue takes no ${message.kind}` };
  }
  const retry = RetrySchema.safeParse(JSON.parse(body));
  return { job: message.turn.job, ...(retry.success && { delivery: retry.data.espalier.delivery }) };
}
