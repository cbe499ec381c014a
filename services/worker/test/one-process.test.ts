/** Both lanes in one process: a job goes on in the finish lane without record and message, where there is room. */
import { type Job, RetryableError } from '@espalier/contracts';
import { encodeJobTurn, type QueueMessage } from '@espalier/queue';
import { cancelKey, resultKey } from '@espalier/storage';
import { describe, expect, it, vi } from 'vitest';
import type { RunOptions } from '../src/index.ts';
import { gate, statusOf, untilAborted } from './helpers.ts';
import { bytes, queues, reaches, serve, stopServing, store } from './lane-helpers.ts';

/** What a run of both lanes does: asks for room, and finishes where there is some. */
const both =
  (order: string[], finish: (job: Job, options: RunOptions) => Promise<unknown>) =>
  async (job: Job, options: RunOptions): Promise<unknown> => {
    order.push(`generate ${job.id}`);
    if (options.finishHere?.() !== true) return { handOver: 'finish' };
    order.push(`finish ${job.id}`);
    return finish(job, options);
  };

/** Lanes of one process; the finish lane has one place. */
function serveBoth(order: string[], finish: (job: Job, options: RunOptions) => Promise<unknown>) {
  const finishLane = serve('finish', async (job, options) => {
    order.push(`finish ${job.id}`);
    return finish(job, options);
  });
  const generateLane = serve('generate', both(order, finish), { finishLane: finishLane.worker });
  return { finish: finishLane.worker, generate: generateLane.worker };
}

const submit = (id: string) => queues.generate.send(JSON.stringify({ id, prompt: id }));

describe('one process that serves both lanes', () => {
  it('goes on with a job in memory and takes the next one at once', async () => {
    const order: string[] = [];
    const finishing = gate();
    const sent = vi.spyOn(queues.finish, 'send');
    const lanes = serveBoth(order, async ({ id }) => (id === 'a' ? finishing.opened : undefined));
    await submit('a');
    await expect.poll(() => order).toContain('finish a');
    expect({ generate: lanes.generate.active, finish: lanes.finish.active }).toEqual({ generate: 0, finish: 1 });
    expect(sent).not.toHaveBeenCalled();
    expect(await statusOf(store, 'a')).toMatchObject({ state: 'running', attempt: 1 });
    finishing.open();
    await reaches('a', 'succeeded');
    const { attempt, events } = await statusOf(store, 'a');
    expect(attempt).toBe(1);
    expect(events.map(({ state, note }) => note ?? state)).toEqual(['queued', 'running', 'succeeded']);
    await expect.poll(() => lanes.finish.active).toBe(0);
    expect(sent).not.toHaveBeenCalled();
  });

  it('hands over by record and queue while its finish lane is full', async () => {
    const order: string[] = [];
    const finishing = gate();
    const lanes = serveBoth(order, async ({ id }) => (id === 'a' ? finishing.opened : undefined));
    await submit('a');
    await expect.poll(() => order).toContain('finish a');
    await submit('b');
    await expect.poll(async () => (await statusOf(store, 'b').catch(() => undefined))?.state).toBe('queued');
    await expect.poll(() => lanes.generate.active).toBe(0);
    expect((await statusOf(store, 'b')).events.at(-1)?.note).toBe('handed to the finish lane');
    expect(order).toEqual(['generate a', 'finish a', 'generate b']);
    expect(lanes.finish.active).toBe(1);
    finishing.open();
    await reaches('b', 'succeeded');
    expect((await statusOf(store, 'b')).attempt).toBe(2);
  });

  it('puts back at once what its poll brings after the last place was taken', async () => {
    const order: string[] = [];
    const finishing = gate();
    // A poll that ends when the test says so, with the message that was there when it began.
    const answered = gate();
    const polled = gate();
    const deleted: string[] = [];
    const receive = queues.finish.receive.bind(queues.finish);
    vi.spyOn(queues.finish, 'receive').mockImplementationOnce(async (options) => {
      polled.open();
      await answered.opened;
      const watched = async (message: QueueMessage) => {
        await message.delete();
        deleted.push(message.id);
      };
      return (await receive(options)).map((message) => ({ ...message, delete: () => watched(message) }));
    });
    await queues.finish.send(encodeJobTurn({ job: 'b' }));
    await store.put('jobs/b.json', bytes({ prompt: 'b' }));
    const lanes = serveBoth(order, async ({ id }) => (id === 'a' ? finishing.opened : undefined));
    await polled.opened;
    await submit('a');
    await expect.poll(() => order).toContain('finish a');
    answered.open();
    await expect.poll(() => deleted).toHaveLength(1);
    // There for others, as if nobody had seen it.
    const [again] = await queues.finish.receive({ max: 1, waitSeconds: 0 });
    expect(again).toMatchObject({ receiveCount: 1, body: encodeJobTurn({ job: 'b' }) });
    await again?.extend(0);
    expect(lanes.finish.active).toBe(1);
    expect(order).toEqual(['generate a', 'finish a']);
    finishing.open();
    await reaches('b', 'succeeded');
    expect(order).toEqual(['generate a', 'finish a', 'finish b']);
  });

  it('hands back what it finishes when it is told to go', async () => {
    const order: string[] = [];
    serveBoth(order, (_job, { signal }) => untilAborted(signal));
    await submit('a');
    await expect.poll(() => order).toContain('finish a');
    await stopServing();
    const { state, events, attempt, crashes } = await statusOf(store, 'a');
    expect({ state, attempt, crashes }).toEqual({ state: 'queued', attempt: 1, crashes: 0 });
    expect(events.at(-1)?.note).toBe('handed back');
    const waiting = { generate: await queues.generate.depth(), finish: await queues.finish.depth() };
    expect(waiting, 'nobody needs an accelerator for the rest').toEqual({ generate: 0, finish: 1 });
    serveBoth(order, async () => undefined);
    await reaches('a', 'succeeded');
  });

  it('tries again what failed for now, where no accelerator is held for it', async () => {
    const order: string[] = [];
    let faults = 1;
    serveBoth(order, async () => {
      if (faults-- > 0) throw new RetryableError('passing', { code: 'STAGE_FAILED' });
    });
    await submit('a');
    await reaches('a', 'succeeded');
    expect(order).toEqual(['generate a', 'finish a', 'finish a']);
    expect((await statusOf(store, 'a')).events.map(({ note }) => note)).toContain('tried again later: STAGE_FAILED');
    await expect.poll(() => queues.generate.depth()).toBe(0);
  });

  it('cancels what it finishes', async () => {
    const order: string[] = [];
    const lanes = serveBoth(order, (_job, { signal }) => untilAborted(signal));
    await submit('a');
    await expect.poll(() => order).toContain('finish a');
    await store.put(cancelKey('a'), bytes(''));
    await reaches('a', 'cancelled');
    await expect.poll(() => queues.generate.depth()).toBe(0);
    await expect.poll(() => lanes.finish.active).toBe(0);
    expect(await store.get(resultKey('a', 'stats.json'))).toBeUndefined();
  });
});
