/** Deliveries that are told again: by hand, or because their message was lost. */
import type { Clock } from '@espalier/contracts';
import type { JobQueue } from '@espalier/queue';
import type { ObjectStore } from '@espalier/storage';
import { DeliveryLog } from './delivery-log.ts';
import { type Delivery, dueAt, replayed } from './delivery-record.ts';
import { encodeNotify } from './message.ts';

export interface ReplayOptions {
  /** Only those of this job. @defaultValue every job's */
  readonly job?: string;
  /** Only those in these states. @defaultValue those that ended without being delivered */
  readonly states?: readonly Delivery['state'][];
}

export const REPLAY_STATES = ['gone', 'refused', 'exhausted'] as const satisfies readonly Delivery['state'][];

interface Context {
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  readonly clock: Clock;
}

/** Starts deliveries anew, under the webhook ids they had. @returns the replayed ones */
export async function replayDeliveries(context: Context, options: ReplayOptions = {}): Promise<Delivery[]> {
  const log = new DeliveryLog(context.store);
  const states: readonly Delivery['state'][] = options.states ?? REPLAY_STATES;
  const done: Delivery[] = [];
  for await (const seen of log.all(options.job)) {
    if (!states.includes(seen.delivery.state)) continue;
    const written = await log.write(replayed(seen.delivery, context.clock.now()), seen);
    if (written === undefined) continue; // somebody else moved it just now
    await context.queue.send(encodeNotify({ job: written.delivery.job, delivery: written.delivery }));
    done.push(written.delivery);
  }
  return done;
}

/** Longest time between two moves of a living delivery, with the schedule's longest wait. Milliseconds. */
const LIVING = 26 * 3600 * 1000;

/**
 * Sends a new message for each delivery that should have been tried `lateSeconds` ago, or with minus infinity for
 * each that is pending: queues may lose theirs.
 *
 * @returns how many were sent
 */
export async function sweepDeliveries(context: Context, lateSeconds = 3600): Promise<number> {
  const log = new DeliveryLog(context.store);
  const now = context.clock.now();
  let sent = 0;
  for await (const { delivery } of log.all(undefined, now - LIVING - Math.max(0, lateSeconds) * 1000)) {
    if (delivery.state !== 'pending' || dueAt(delivery) > now - lateSeconds * 1000) continue;
    await context.queue.send(encodeNotify({ job: delivery.job, delivery }));
    sent += 1;
  }
  return sent;
}
