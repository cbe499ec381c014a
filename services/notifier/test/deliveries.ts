/** What the bucket says of the webhooks that were told, or tried. */
import type { ObjectStore } from '@espalier/storage';
import { type Delivery, DeliveryLog } from '../src/index.ts';

export async function deliveriesIn(store: ObjectStore): Promise<Delivery[]> {
  const found: Delivery[] = [];
  for await (const { delivery } of new DeliveryLog(store).all()) found.push(delivery);
  return found;
}
