/** Receivers that fail, notifiers that die, queues that forget: each delivery is tried until its schedule ends. */
import { MemoryQueue } from '@espalier/queue';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RETRY_DELAYS, sweepDeliveries } from '../src/index.ts';
import { clock, NotifierRig } from './notifier-rig.ts';

let rig: NotifierRig;
beforeEach(async () => {
  rig = await NotifierRig.start();
});
afterEach(() => rig.stop());

describe('a receiver that fails', () => {
  it('is tried ten times over three days, under one id, then no more', async () => {
    rig.receiver.answer = () => ({ status: 500 });
    await rig.ended('succeeded');
    await rig.pump();
    const began = Date.now();
    const at: number[] = [0];
    for (let hour = 0; hour < 90 * 12; hour += 1) {
      const before = rig.receiver.received.length;
      await rig.passPumping(300);
      if (rig.receiver.received.length > before) at.push((Date.now() - began) / 1000);
    }
    expect(rig.receiver.received).toHaveLength(10);
    expect(new Set(rig.receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(rig.receiver.received.map(({ body }) => body)).size).toBe(1);
    expect(new Set(rig.receiver.received.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(10);
    expect(
      rig.receiver.received.every(({ verified }) => verified !== false),
      'each signed anew',
    ).toBe(true);
    // Never early, and late by no more than this test's own step of five minutes a try.
    let due = 0;
    for (const [index, delay] of RETRY_DELAYS.entries()) {
      due += delay;
      expect(at[index + 1]).toBeGreaterThanOrEqual(due);
      expect(at[index + 1]).toBeLessThanOrEqual(due + (index + 1) * 600);
    }
    expect(await rig.deliveries()).toMatchObject([{ state: 'exhausted', failures: 10 }]);
    expect(rig.queue.deadLetters, 'waiting costs no receives').toEqual([]);
  });

  it('gets the time that it asks for', async () => {
    rig.receiver.answer = () => ({ status: 429, headers: { 'retry-after': '7200' } });
    await rig.ended('succeeded');
    await rig.pump();
    await rig.passPumping(7000);
    expect(rig.receiver.received).toHaveLength(1);
    await rig.passPumping(1200);
    expect(rig.receiver.received).toHaveLength(2);
  });

  it('is left alone after 410', async () => {
    rig.receiver.answer = () => ({ status: 410 });
    await rig.ended('succeeded');
    await rig.pump();
    await rig.passPumping(3 * 3600);
    expect(rig.receiver.received).toHaveLength(1);
    expect(await rig.deliveries()).toMatchObject([{ state: 'gone' }]);
  });

  it.each([
    ['hangs', () => 'hang' as const],
    ['redirects', () => ({ status: 302, headers: { location: '/elsewhere' } })],
  ])('is tried again when it %s', async (_name, answer) => {
    rig.receiver.answer = answer;
    await rig.ended('succeeded');
    rig.notifier = rig.makeNotifier({ sender: rig.makeSender({ timeout: 300 }) });
    await rig.pump();
    rig.notifier = rig.makeNotifier();
    rig.receiver.answer = () => ({ status: 200 });
    await rig.passPumping(600);
    expect(
      rig.receiver.received.map(({ path }) => path),
      'no redirect is followed',
    ).toEqual(['/hook', '/hook']);
    expect(await rig.deliveries()).toMatchObject([{ state: 'delivered', failures: 1, tries: [{}, { status: 200 }] }]);
  });
});

describe('a notifier that dies', () => {
  it('in the middle of a try leaves the delivery to another', async () => {
    rig.receiver.answer = () => 'hang';
    await rig.ended('succeeded');
    const [message] = await rig.queue.receive({ max: 1, waitSeconds: 0 });
    if (message === undefined) throw new Error('no message');
    let died = () => {};
    const death = new Promise<void>((resolve) => {
      died = resolve;
    });
    // Everything it would do after the try is lost.
    const dying = new Proxy(rig.store, {
      get: (target, name) =>
        name === 'put' && rig.receiver.received.length > 0
          ? () => {
              died();
              return new Promise(() => {});
            }
          : (Reflect.get(target, name).bind?.(target) ?? Reflect.get(target, name)),
    });
    const sender = rig.makeSender({ timeout: 300 });
    void rig.makeNotifier({ store: dying, sender }).handle(message);
    await death;
    rig.receiver.answer = () => ({ status: 200 });
    await rig.passPumping(600);
    expect(rig.receiver.received).toHaveLength(2);
    expect(await rig.deliveries()).toMatchObject([{ state: 'delivered' }]);
  });

  it('between writing the try down and sending the next message loses nothing', async () => {
    rig.receiver.answer = () => ({ status: 500 });
    await rig.ended('succeeded');
    const [message] = await rig.queue.receive({ max: 1, waitSeconds: 0 });
    if (message === undefined) throw new Error('no message');
    const deaf = rig.makeNotifier({ queue: new MemoryQueue({ clock }) });
    await deaf.handle({ ...message, delete: async () => {} });
    rig.receiver.answer = () => ({ status: 200 });
    await rig.passPumping(900);
    expect(rig.receiver.received).toHaveLength(2);
  });

  it('and a queue that loses its messages are made up for by the sweep', async () => {
    rig.receiver.answer = () => ({ status: 500 });
    await rig.ended('succeeded');
    await rig.pump();
    rig.queue = new MemoryQueue({ clock });
    rig.notifier = rig.makeNotifier();
    rig.receiver.answer = () => ({ status: 200 });
    expect(await sweepDeliveries({ store: rig.store, queue: rig.queue, clock })).toBe(0);
    await rig.passPumping(2 * 3600);
    expect(rig.receiver.received).toHaveLength(1);
    expect(await sweepDeliveries({ store: rig.store, queue: rig.queue, clock })).toBe(1);
    await rig.pump();
    expect(rig.receiver.received).toHaveLength(2);
  });
});

it('waits and comes back when the bucket is away', async () => {
  await rig.ended('succeeded');
  const away = new Proxy(rig.store, {
    get: (target, name) =>
      name === 'get' ? () => Promise.reject(new Error('away')) : Reflect.get(target, name).bind?.(target),
  });
  const healthy = rig.notifier;
  rig.notifier = rig.makeNotifier({ store: away });
  await rig.pump();
  rig.notifier = healthy;
  await rig.passPumping(600);
  expect(rig.receiver.received).toHaveLength(1);
});
