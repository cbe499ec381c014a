/** What one lane hands to the other is claimed as the message says, if the bucket agrees. */
import { RetryableError } from '@espalier/contracts';
import { cancelKey, FolderStore, jobKey, statusKey } from '@espalier/storage';
import { describe, expect, it, vi } from 'vitest';
import { statusOf } from './helpers.ts';
import { bytes, queues, reaches, serve, stopServing, store } from './lane-helpers.ts';

/** Job `a` in the finish queue, handed over by a generate lane that is gone. */
async function handOver(body: object = { prompt: 'a' }): Promise<void> {
  await store.put(jobKey('a'), bytes(body));
  serve('generate', async () => ({ handOver: 'finish' }));
  await queues.generate.send(JSON.stringify({ espalier: { job: 'a' } }));
  await expect.poll(() => queues.finish.depth()).toBe(1);
  await stopServing();
}

/** The finish lane over a store of its own on the same bucket, whose reads are counted. */
async function finish() {
  const own = await FolderStore.open(store.root);
  const reads = vi.spyOn(own, 'get');
  const lane = serve('finish', undefined, { store: own });
  return { ...lane, reads: () => reads.mock.calls.map(([key]) => key) };
}

/** Puts another message into the finish queue in place of the one there. */
async function rewrite(change: (handed: Record<string, unknown>) => object): Promise<void> {
  const [message] = await queues.finish.receive({ max: 1, waitSeconds: 0 });
  const { espalier } = JSON.parse(message?.body ?? '');
  await message?.delete();
  await queues.finish.send(JSON.stringify({ espalier: { ...espalier, handed: change(espalier.handed) } }));
}

describe('a job that is handed over', () => {
  it('is claimed without reading job or record, with the seed that was drawn', async () => {
    await handOver();
    const { seed } = await statusOf(store, 'a');
    const { runner, reads } = await finish();
    await reaches('a', 'succeeded');
    expect(reads()).toEqual([]);
    expect(runner.jobs.map(({ input }) => input)).toEqual([expect.objectContaining({ prompt: 'a', seed })]);
    const { attempt, crashes, events } = await statusOf(store, 'a');
    expect({ attempt, crashes }).toEqual({ attempt: 2, crashes: 0 });
    expect(events.map(({ state }) => state)).toEqual(['queued', 'running', 'queued', 'running', 'succeeded']);
  });

  it('is looked up when the record has moved since', async () => {
    await handOver();
    const now = await store.get(statusKey('a'));
    const moved = { ...(await statusOf(store, 'a')), updated_at: new Date(0).toISOString() };
    await store.put(statusKey('a'), bytes(moved), { ifMatch: now?.etag ?? '' });
    const { reads } = await finish();
    await reaches('a', 'succeeded');
    expect(reads()).toEqual([jobKey('a'), statusKey('a')]);
    expect((await statusOf(store, 'a')).attempt).toBe(2);
  });

  it('is cancelled by a marker that came while it waited', async () => {
    await handOver();
    await store.put(cancelKey('a'), bytes(''));
    const { runner } = await finish();
    await reaches('a', 'cancelled');
    expect(runner.jobs).toEqual([]);
  });

  it('runs once, however often its message comes', async () => {
    await handOver();
    const [message] = await queues.finish.receive({ max: 1, waitSeconds: 0 });
    await message?.delete();
    for (let copy = 0; copy < 3; copy += 1) await queues.finish.send(message?.body ?? '');
    const { runner } = await finish();
    await reaches('a', 'succeeded');
    await expect.poll(() => queues.finish.depth()).toBe(0);
    await stopServing();
    expect(runner.jobs).toHaveLength(1);
    expect((await statusOf(store, 'a')).attempt).toBe(2);
  });

  it.each<[string, (handed: Record<string, unknown>) => object]>([
    ['names another seed', (handed) => ({ ...handed, job: { id: 'a', prompt: 'a', seed: 5 } })],
    ['holds no job', (handed) => ({ ...handed, job: 'a' })],
    ['holds another job', (handed) => ({ ...handed, job: { ...(handed.job as object), id: 'b' } })],
    ['holds no record', (handed) => ({ ...handed, status: {} })],
    [
      'holds a record of another object',
      ({ status, ...rest }) => ({ ...rest, status: { ...(status as object), source: 'x' } }),
    ],
  ])('is looked up when its message %s', async (_name, change) => {
    await handOver();
    await rewrite(change);
    const { runner, reads } = await finish();
    await reaches('a', 'succeeded');
    expect(reads()).toEqual([jobKey('a'), statusKey('a')]);
    expect(runner.jobs.map(({ id, input }) => `${id} ${input.prompt}`)).toEqual(['a a']);
  });
});

it.each([
  ['drawn', { prompt: 'a' }, [true, false]],
  ['given', { prompt: 'a', seed: 3 }, [false, false]],
])('a run is told that its seed was just drawn, not that it was drawn before: %s', async (_name, body, expected) => {
  const told: unknown[] = [];
  serve('generate', async (_job, { seedDrawn }) => {
    told.push(seedDrawn);
    if (told.length === 1) throw new RetryableError('passing', { code: 'STAGE_FAILED' });
  });
  await store.put(jobKey('a'), bytes(body));
  await queues.generate.send(JSON.stringify({ espalier: { job: 'a' } }));
  await reaches('a', 'succeeded');
  expect(told).toEqual(expected);
});
