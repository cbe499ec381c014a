/** Takes a message that nobody can work on out of the way, and says in the bucket why. */
import { type Clock, sha256 } from '@espalier/contracts';
import type { QueueMessage } from '@espalier/queue';
import { deadLetterKey, type ObjectStore } from '@espalier/storage';

/** The beginning of what it said; the whole message lies in the dead-letter queue. */
const SHOWN = 4000;

export interface DeadLetterReason {
  readonly code: string;
  readonly reason: string;
}

export async function buryMessage(
  context: { readonly store: ObjectStore; readonly clock: Clock },
  queue: string,
  message: QueueMessage,
  { code, reason }: DeadLetterReason,
): Promise<void> {
  const record = {
    at: new Date(context.clock.now()).toISOString(),
    queue,
    message_id: message.id,
    receive_count: message.receiveCount,
    code,
    reason,
    body: message.body.slice(0, SHOWN),
  };
  const name = /^[A-Za-z0-9-]{1,100}$/.test(message.id) ? message.id : sha256(message.id);
  const body = new TextEncoder().encode(`${JSON.stringify(record, null, 2)}\n`);
  await context.store.put(deadLetterKey(name), body, { contentType: 'application/json' });
  await message.deadLetter(`${code}: ${reason}`);
}
