/** Delivery records in the bucket: read with their ETag, written only over the version that was seen. */
import { TerminalError } from '@espalier/contracts';
import { type ObjectStore, WEBHOOKS_PREFIX, webhookKey } from '@espalier/storage';
import { type Delivery, DeliverySchema } from './delivery-record.ts';

export interface SeenDelivery {
  readonly delivery: Delivery;
  readonly etag: string;
}

export class DeliveryLog {
  readonly #store: ObjectStore;

  constructor(store: ObjectStore) {
    this.#store = store;
  }

  /** @throws TerminalError DELIVERY_UNREADABLE */
  async read(job: string, webhookId: string): Promise<SeenDelivery | undefined> {
    return this.#readKey(webhookKey(job, webhookId));
  }

  /** @returns what was written, or nothing when somebody else was first */
  async write(delivery: Delivery, seen: Pick<SeenDelivery, 'etag'> | undefined): Promise<SeenDelivery | undefined> {
    const body = new TextEncoder().encode(`${JSON.stringify(delivery, null, 2)}\n`);
    const condition = seen === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: seen.etag };
    const key = webhookKey(delivery.job, delivery.webhook_id);
    const put = await this.#store.put(key, body, { ...condition, contentType: 'application/json' });
    return put.written ? { delivery, etag: put.etag } : undefined;
  }

  /**
   * Every record, or those of one job, in the order of their keys.
   *
   * @param movedSince milliseconds since the epoch: older ones are not even read
   */
  async *all(job?: string, movedSince = 0): AsyncGenerator<SeenDelivery> {
    const prefix = job === undefined ? WEBHOOKS_PREFIX : `${WEBHOOKS_PREFIX}${job}/`;
    for (let after: string | undefined = ''; after !== undefined; ) {
      const page = await this.#store.list(prefix, { after });
      for (const { key, modifiedAt } of page.objects) {
        if (modifiedAt < movedSince) continue;
        const seen = await this.#readKey(key);
        if (seen !== undefined) yield seen;
      }
      after = page.next;
    }
  }

  async #readKey(key: string): Promise<SeenDelivery | undefined> {
    const object = await this.#store.get(key);
    if (object === undefined) return undefined;
    try {
      const delivery = DeliverySchema.parse(JSON.parse(new TextDecoder().decode(object.body)));
      return { delivery, etag: object.etag };
    } catch (cause) {
      throw new TerminalError(`${key} is no delivery record`, {
        code: 'DELIVERY_UNREADABLE',
        field: key,
        remedy: `delete ${key}: the webhook is then told anew`,
        cause,
      });
    }
  }
}
