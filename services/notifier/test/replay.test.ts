/** What was given up is told again on request. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replayDeliveries } from '../src/index.ts';
import { clock, NotifierRig } from './notifier-rig.ts';

let rig: NotifierRig;
beforeEach(async () => {
  rig = await NotifierRig.start();
});
afterEach(() => rig.stop());

describe('replay', () => {
  it('tells again what was given up, under the same id, on the whole schedule', async () => {
    rig.receiver.answer = () => ({ status: 410 });
    await rig.ended('succeeded');
    await rig.ended('failed', {}, 'table');
    await rig.pump();
    rig.receiver.answer = () => ({ status: 500 });
    const replayed = await replayDeliveries({ store: rig.store, queue: rig.queue, clock }, { job: 'chair' });
    expect(replayed).toMatchObject([{ job: 'chair', state: 'pending', replays: 1 }]);
    await rig.pump();
    rig.receiver.answer = () => ({ status: 200 });
    await rig.passPumping(600);
    const ids = rig.receiver.received
      .filter(({ body }) => body.includes('"chair"'))
      .map(({ headers }) => headers['webhook-id']);
    expect([ids.length, new Set(ids).size]).toEqual([3, 1]);
    expect(await replayDeliveries({ store: rig.store, queue: rig.queue, clock }, { job: 'chair' })).toEqual([]);
    expect(
      await replayDeliveries({ store: rig.store, queue: rig.queue, clock }, { states: ['delivered'] }),
    ).toHaveLength(1);
  });
});
