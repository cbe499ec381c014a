/**
 * `dispatch/<id>.json`: under which id RunPod has a job. A dispatcher that is started again goes on asking for it
 * instead of sending it a second time.
 */
import type { ObjectStore } from '@espalier/storage';
import { dispatchKey } from '@espalier/storage';
import { z } from 'zod';

const DispatchSchema = z.object({
  endpoint: z.string(),
  runpod_id: z.string(),
  sent_at: z.iso.datetime(),
});
export type Dispatch = z.infer<typeof DispatchSchema>;

/** What cannot be read counts as absent: the job is sent again, which does no harm. */
export async function readDispatch(store: ObjectStore, id: string): Promise<Dispatch | undefined> {
  const object = await store.get(dispatchKey(id));
  if (object === undefined) return undefined;
  try {
    return DispatchSchema.parse(JSON.parse(new TextDecoder().decode(object.body)));
  } catch {
    return undefined;
  }
}

export async function writeDispatch(store: ObjectStore, id: string, dispatch: Dispatch): Promise<void> {
  const body = new TextEncoder().encode(`${JSON.stringify(dispatch)}\n`);
  await store.put(dispatchKey(id), body, { contentType: 'application/json' });
}

export async function deleteDispatch(store: ObjectStore, id: string): Promise<void> {
  await store.delete(dispatchKey(id));
}
