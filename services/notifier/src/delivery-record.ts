/**
 * `webhooks/<job>/<webhook id>.json`: what is to be delivered, and what became of each try. It moves by
 * compare-and-swap like a status record, so that of two notifiers with the same message only one sends.
 */
import { WEBHOOK_FORMATS } from '@espalier/contracts';
import { z } from 'zod';
import { retryDelay } from './schedule.ts';
import type { SendResult } from './send.ts';

const time = z.iso.datetime();

export const TrySchema = z.strictObject({
  at: time,
  seconds: z.number().min(0),
  status: z.int().optional(),
  error: z.string().optional(),
});

export const DELIVERY_STATES = ['pending', 'delivered', 'gone', 'refused', 'exhausted'] as const;

export const DeliverySchema = z.strictObject({
  /** The same for every try, and for a replay: receivers know repetitions by it. */
  webhook_id: z.string(),
  job: z.string(),
  url: z.string(),
  type: z.string(),
  format: z.enum(WEBHOOK_FORMATS).default('standard'),
  created_at: time,
  /** The body, byte for byte: every try sends the same. */
  body: z.string(),
  /** Key of the GLB that is put into the body as `output.glb_base64` when it is sent, so that records stay small. */
  glb: z.string().optional(),
  state: z.enum(DELIVERY_STATES),
  /** Failed tries since the delivery was made or replayed. */
  failures: z.int().min(0),
  /** While pending: not to be tried before. */
  next_at: time.optional(),
  /** A notifier is at it until then. */
  claimed_until: time.optional(),
  replays: z.int().min(0),
  /** The last ones. */
  tries: z.array(TrySchema),
});
export type Delivery = z.infer<typeof DeliverySchema>;

/** What is to be told to whom. */
export type Notice = Pick<Delivery, 'webhook_id' | 'job' | 'url' | 'type' | 'format' | 'body' | 'glb'>;

const TRIES_KEPT = 40;

export function newDelivery(delivery: Notice, now: number): Delivery {
  const at = iso(now);
  return { ...delivery, created_at: at, state: 'pending', failures: 0, next_at: at, replays: 0, tries: [] };
}

/** Nobody else is to send until `until`. */
export function claimed(delivery: Delivery, until: number): Delivery {
  return { ...delivery, claimed_until: iso(until) };
}

/** After a try. @param random in [0, 1), for the wait's jitter */
export function tried(
  delivery: Delivery,
  result: SendResult,
  moment: { readonly began: number; readonly ended: number; readonly random: number },
): Delivery {
  const { claimed_until: _claim, next_at: _next, ...kept } = delivery;
  const entry: z.infer<typeof TrySchema> = {
    at: iso(moment.began),
    seconds: Math.max(0, moment.ended - moment.began) / 1000,
    ...('status' in result && result.status !== undefined && { status: result.status }),
    ...('error' in result && { error: result.error }),
  };
  const base: Delivery = { ...kept, tries: [...delivery.tries, entry].slice(-TRIES_KEPT) };
  if (result.kind !== 'failed') return { ...base, state: result.kind };
  const failures = delivery.failures + 1;
  const delay = retryDelay(failures, result.retryAfter, moment.random);
  if (delay === undefined) return { ...base, failures, state: 'exhausted' };
  return { ...base, failures, next_at: iso(moment.ended + delay * 1000) };
}

/** From the beginning of the schedule, whatever came of it before. */
export function replayed(delivery: Delivery, now: number): Delivery {
  const { claimed_until: _claim, ...kept } = delivery;
  return { ...kept, state: 'pending', failures: 0, next_at: iso(now), replays: delivery.replays + 1 };
}

export function dueAt({ next_at, claimed_until }: Delivery): number {
  return Math.max(Date.parse(next_at ?? '') || 0, Date.parse(claimed_until ?? '') || 0);
}

function iso(milliseconds: number): string {
  return new Date(milliseconds).toISOString();
}
