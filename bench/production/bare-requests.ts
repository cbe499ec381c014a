/**
 * The requests of a cached job, one after the other, with nothing around them: what the test servers and clients on
 * this machine can do at most, for the rate of whole jobs to be compared with.
 */
import { resultKey, statusKey } from '@espalier/storage';
import type { Place } from './place.ts';
import type { Progress } from './progress.ts';

const BODY = new TextEncoder().encode(JSON.stringify({ some: 'kilobyte of JSON', text: 'x'.repeat(1000) }));

/** @param width loops side by side @returns seconds for all messages of the queue that the progress is of */
export async function replayRequests({ store, queues }: Place, width: number, progress: Progress): Promise<number> {
  await store.put('checkpoint', BODY);
  const loop = async () => {
    while (!progress.isDone) {
      const [message] = await queues.generate.receive({ max: 1, waitSeconds: 1 });
      if (message === undefined) continue;
      const { id } = message;
      await store.get('checkpoint'); // the job
      await store.head(`cancel/${id}`);
      const created = await store.put(statusKey(id), BODY, { ifNoneMatch: '*' });
      await store.get('checkpoint');
      await store.put(resultKey(id, 'model.glb'), BODY);
      await store.put(resultKey(id, 'stats.json'), BODY);
      await store.put(statusKey(id), BODY, created.written ? { ifMatch: created.etag } : {});
      await message.delete();
      progress.advance();
    }
  };
  await Promise.all(Array.from({ length: width }, loop));
  return progress.seconds;
}
