/** What a webhook is told of a job's end, and which messages tell nobody anything. */
import { jobKey, statusKey } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeNotify } from '../src/index.ts';
import { NotifierRig } from './notifier-rig.ts';

let rig: NotifierRig;
beforeEach(async () => {
  rig = await NotifierRig.start();
});
afterEach(() => rig.stop());

describe('the end of a job', () => {
  it.each([
    ['succeeded', 'job.completed'],
    ['failed', 'job.failed'],
    ['cancelled', 'job.cancelled'],
  ] as const)('%s is told as %s, signed', async (state, type) => {
    const status = await rig.ended(state);
    await rig.pump();
    const [told] = rig.receiver.received;
    expect(told?.path).toBe('/hook');
    expect(told?.verified).toMatchObject({
      type,
      timestamp: status.finished_at,
      data: { id: 'chair', state, seed: 5, tags: { order: '7' } },
    });
    expect(told?.headers['content-type']).toBe('application/json');
    expect(told?.headers['webhook-signature']?.toString().split(' ')).toHaveLength(2);
    expect(told?.headers['webhook-id']).toMatch(/^msg_[0-9a-f]{32}$/);
    const data = told?.verified !== false ? told?.verified.data : undefined;
    if (state === 'succeeded')
      expect(data?.links).toEqual({ 'model.glb': `${rig.store.location}/results/chair/model.glb` });
    if (state === 'failed') expect(data?.error).toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(await rig.deliveries()).toMatchObject([{ state: 'delivered', tries: [{ status: 204 }] }]);
    expect(rig.queue.deadLetters).toEqual([]);
  });

  it('is told of a rejected job too, whatever else is wrong with it', async () => {
    await rig.ended('rejected', { prompt: 7, colour: 'red' });
    await rig.pump();
    expect(rig.receiver.received[0]?.verified).toMatchObject({ type: 'job.rejected' });
  });

  it('is told to nobody when nobody is named', async () => {
    await rig.ended('succeeded', { webhook: undefined });
    await rig.ended('rejected', { webhook: 'not a URL' }, 'other');
    await rig.put(jobKey('third'), {});
    await rig.queue.send(encodeNotify({ job: 'third' }));
    await rig.queue.send(encodeNotify({ job: 'not-there' }));
    expect(await rig.pump()).toBe(4);
    expect(rig.receiver.received).toEqual([]);
    expect(await rig.pump(), 'and the messages are gone').toBe(0);
    rig.pass(200);
    expect(await rig.pump()).toBe(0);
  });

  it('is not told while the job runs again', async () => {
    const status = await rig.ended('succeeded');
    await rig.put(statusKey('chair'), { ...status, state: 'running' });
    await rig.pump();
    expect(rig.receiver.received).toEqual([]);
  });

  it('stays under 20 kB', async () => {
    const tags = Object.fromEntries(Array.from({ length: 16 }, (_unused, i) => [`tag${i}`, 'x'.repeat(200)]));
    const status = await rig.ended('failed', { tags });
    await rig.put(statusKey('chair'), {
      ...status,
      error: { code: 'X', message: 'm'.repeat(100_000), remedy: 'r'.repeat(50_000) },
    });
    await rig.pump();
    expect(rig.receiver.received[0]?.body.length).toBeLessThan(20_000);
    expect(rig.receiver.received[0]?.verified).toMatchObject({ type: 'job.failed', data: { id: 'chair' } });
  });
});

describe('announced five times at once', () => {
  it('is told once', async () => {
    await rig.ended('succeeded');
    for (let copy = 0; copy < 4; copy += 1) await rig.queue.send(encodeNotify({ job: 'chair' }));
    await rig.pump();
    await rig.passPumping(4 * 3600);
    expect(rig.receiver.received).toHaveLength(1);
    expect(await rig.pump()).toBe(0);
  });
});

it('buries what is no notification', async () => {
  await rig.queue.send('nonsense');
  await rig.queue.send('{"prompt":"a chair"}');
  await rig.pump();
  expect(rig.queue.deadLetters.map(({ reason }) => reason)).toEqual([
    expect.stringMatching(/not JSON/),
    expect.stringMatching(/takes no job/),
  ]);
});
