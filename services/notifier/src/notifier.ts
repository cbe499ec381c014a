/**
 * Tells webhooks how jobs ended. The notify queue carries the retry schedule, the bucket holds what is to be
 * delivered and what became of it: a message that comes twice, late or out of order changes nothing.
 */
import { type Clock, ensureError, systemClock, TerminalError } from '@espalier/contracts';
import { backOffSeconds, type JobQueue, type QueueMessage } from '@espalier/queue';
import { DeliveryLog, type SeenDelivery } from './delivery-log.ts';
import { claimed, type Delivery, dueAt, newDelivery, tried } from './delivery-record.ts';
import { encodeNotify, type NotifyMessage, parseNotify } from './message.ts';
import { makeNotice } from './notice.ts';
import type { NoticeContext } from './notice-context.ts';
import { pause } from './pause.ts';
import { bodyToSend } from './runpod-payload.ts';
import { SEND_TIMEOUT, type Sender, type SendResult } from './send.ts';
import type { Signer } from './signer.ts';

export interface NotifierOptions extends NoticeContext {
  /** The notify queue. Its messages stay hidden for longer than one try takes. */
  readonly queue: JobQueue;
  readonly sender: Sender;
  /** Absent: what must be signed is refused, and RunPod's form goes unsigned, as RunPod's own does. */
  readonly signer?: Signer;
  /** In [0, 1). @defaultValue Math.random */
  readonly random?: () => number;
}

/** Longest delay that a queue takes; what is due later is sent on again. Seconds. */
const DELAY_MAX = 900;
/** One try, with room for the writes around it. Milliseconds. */
const CLAIM = 2 * SEND_TIMEOUT;

export class Notifier {
  readonly #options: NotifierOptions;
  readonly #log: DeliveryLog;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#log = new DeliveryLog(options.store);
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /** Serves the queue until the signal is aborted. What is being sent then is still sent. */
  async serve(signal: AbortSignal): Promise<void> {
    for (let faults = 0; !signal.aborted; ) {
      try {
        const messages = await this.#options.queue.receive({ max: 10, waitSeconds: 20, signal });
        await Promise.all(messages.map((message) => this.handle(message)));
        faults = 0;
      } catch (thrown) {
        faults += 1;
        this.#options.logger.error({ err: ensureError(thrown) }, 'the notify queue cannot be read');
        await pause(Math.min(60_000, 1000 * 2 ** faults), signal);
      }
    }
  }

  /** Works on one message to its end. Never throws: what may heal comes again, what cannot is buried. */
  async handle(message: QueueMessage): Promise<void> {
    const { logger } = this.#options;
    try {
      const parsed = parseNotify(message.body);
      if ('reason' in parsed) return await message.deadLetter(parsed.reason);
      await this.#attend(parsed);
      await message.delete();
    } catch (thrown) {
      const error = ensureError(thrown);
      logger.error({ err: error }, `a notification was not handled: ${error.message}`);
      const ending = error instanceof TerminalError ? message.deadLetter(error.message) : undefined;
      await (ending ?? message.extend(Math.ceil(backOffSeconds(message.receiveCount)))).catch((again: unknown) => {
        logger.error({ err: ensureError(again) }, 'and its message stays until its lease ends');
      });
    }
  }

  async #attend(message: NotifyMessage): Promise<void> {
    if (message.delivery === undefined) return this.#begin(message.job);
    const { webhook_id, failures, replays } = message.delivery;
    const seen = await this.#log.read(message.job, webhook_id);
    if (seen === undefined || seen.delivery.state !== 'pending' || seen.delivery.replays !== replays) return;
    if (seen.delivery.failures === failures) return this.#tryWhenDue(seen);
    // The notifier that made this try may have died before it could send the message for the next one.
    if (seen.delivery.failures === failures + 1) await this.#schedule(seen);
  }

  async #begin(job: string): Promise<void> {
    const notice = await makeNotice(this.#options, job);
    if (notice === undefined) return;
    const now = this.#clock.now();
    const fresh = claimed(newDelivery(notice, now), now + CLAIM);
    const written = await this.#log.write(fresh, undefined);
    if (written !== undefined) return this.#try(written);
    // Announced before. Its own messages carry it on; should they be lost, this one takes their place.
    const seen = await this.#log.read(job, notice.webhook_id);
    if (seen?.delivery.state === 'pending') await this.#tryWhenDue(seen);
  }

  async #tryWhenDue(seen: SeenDelivery): Promise<void> {
    const now = this.#clock.now();
    if (dueAt(seen.delivery) > now) return this.#schedule(seen);
    const written = await this.#log.write(claimed(seen.delivery, now + CLAIM), seen);
    // Whoever was first carries on.
    if (written !== undefined) await this.#try(written);
  }

  async #try(seen: SeenDelivery): Promise<void> {
    const { delivery } = seen;
    const began = this.#clock.now();
    const result = await this.#send(delivery, began);
    const moment = { began, ended: this.#clock.now(), random: this.#random() };
    const next = tried(delivery, result, moment);
    const details = { job: delivery.job, webhook_id: delivery.webhook_id, result: result.kind, state: next.state };
    if (result.kind === 'delivered') this.#options.logger.info(details, 'webhook delivered');
    else
      this.#options.logger.warn(
        { ...details, error: 'error' in result ? result.error : undefined },
        'webhook try failed',
      );
    const written = await this.#log.write(next, seen);
    // Replayed meanwhile: that has a message of its own.
    if (written !== undefined && next.state === 'pending') await this.#schedule(written);
  }

  async #send(delivery: Delivery, now: number): Promise<SendResult> {
    const { store, signer, sender } = this.#options;
    if (signer === undefined && delivery.format === 'standard') {
      return { kind: 'refused', error: 'there is no secret to sign it with: set ESPALIER_WEBHOOK_SECRET' };
    }
    const body = await bodyToSend(store, delivery);
    return sender.post(delivery.url, body, signer?.sign(delivery.webhook_id, now, body) ?? {});
  }

  async #schedule({ delivery }: SeenDelivery): Promise<void> {
    const wait = Math.max(0, dueAt(delivery) - this.#clock.now()) / 1000;
    await this.#options.queue.send(encodeNotify({ job: delivery.job, delivery }), {
      delaySeconds: Math.min(DELAY_MAX, Math.ceil(wait)),
    });
  }
}
