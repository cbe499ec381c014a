import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLogger } from '@espalier/contracts';
import { encodeJobTurn, parseMessage } from '@espalier/queue';
import { jobKey, statusKey } from '@espalier/storage';
import { describe, expect, it, vi } from 'vitest';
import { Sweep } from '../src/index.ts';
import { statusOf } from './helpers.ts';
import { bytes, queues, reaches, serve, stopServing, store } from './lane-helpers.ts';

describe('the sweep', () => {
  const sweep = (
    options: { readonly now?: () => number; readonly everySeconds?: number; readonly rememberedMax?: number } = {},
  ) =>
    new Sweep({
      store,
      queues: [queues.generate, queues.finish],
      clock: { now: options.now ?? (() => Date.now() + 600_000) },
      logger: silentLogger,
      ...(options.everySeconds !== undefined && { everySeconds: options.everySeconds }),
      ...(options.rememberedMax !== undefined && { rememberedMax: options.rememberedMax }),
    });

  it('announces what no message speaks of, and nothing else', async () => {
    await queues.generate.send(JSON.stringify({ id: 'done', prompt: 'a' }));
    serve('generate');
    await reaches('done', 'succeeded');
    await stopServing();
    await store.put(jobKey('lost'), bytes({ prompt: 'b' }));
    expect(await sweep().once()).toBe(1);
    const [message] = await queues.generate.receive({ max: 10, waitSeconds: 0 });
    expect(parseMessage(message?.body ?? '')).toEqual({ kind: 'turn', turn: { job: 'lost', key: jobKey('lost') } });
  });

  it('is done by one worker at a time, and by none while something waits', async () => {
    await store.put(jobKey('lost'), bytes({ prompt: 'b' }));
    const found = await Promise.all([sweep(), sweep(), sweep()].map((one) => one.once()));
    expect(found.filter((count) => count !== undefined)).toEqual([1]);
    expect(await sweep({ now: () => Date.now() + 3_600_000 }).once(), 'the queue is not empty').toBeUndefined();
  });

  it('remembers no more than it may, and nothing of what is gone', async () => {
    const ids = ['a', 'b', 'c', 'd'];
    for (const id of ids) await queues.generate.send(JSON.stringify({ id, prompt: id }));
    serve('generate');
    for (const id of ids) await reaches(id, 'succeeded');
    await stopServing();
    const one = sweep({ everySeconds: 0, rememberedMax: 3 });
    const reads = vi.spyOn(store, 'get');
    const readBy = async () => {
      reads.mockClear();
      expect(await one.once(), 'nothing is lost').toBe(0);
      return reads.mock.calls.map(([key]) => key).filter((key) => key.startsWith('status/'));
    };
    expect(await readBy()).toEqual(ids.map(statusKey));
    expect(one.remembered).toBe(3);
    expect(await readBy(), 'what did not fit is read again').toEqual([statusKey('d')]);
    await store.delete(jobKey('a'));
    await store.delete(jobKey('b'));
    expect(await readBy()).toEqual([statusKey('d')]);
    expect(one.remembered, 'c and now d').toBe(2);
    expect(await readBy()).toEqual([]);
  });

  /** The jobs that a sweep announces; the messages are lost again. */
  async function announcedBy(one: Sweep): Promise<string[]> {
    await one.once();
    const messages = await queues.generate.receive({ max: 10, waitSeconds: 0 });
    for (const message of messages) await message.delete();
    return messages.map(({ body }) => JSON.parse(body).espalier.key).sort();
  }

  it('announces a job until somebody has looked at it, whatever it is called', async () => {
    await store.put(jobKey('lost'), bytes({ id: 'named-otherwise', prompt: 'a' }));
    await store.put(jobKey('taken'), bytes({ id: 'done', prompt: 'another' }));
    await queues.generate.send(JSON.stringify({ id: 'done', prompt: 'b' }));
    serve('generate');
    await reaches('done', 'succeeded');
    const one = sweep({ everySeconds: 0 });
    await stopServing();
    const lost = [jobKey('lost'), jobKey('taken')];
    expect(await announcedBy(one)).toEqual(lost);
    expect(await announcedBy(one), 'that message was lost, too').toEqual(lost);
    for (const id of ['lost', 'taken']) await queues.generate.send(encodeJobTurn({ job: id }));
    serve('generate');
    await reaches('named-otherwise', 'succeeded');
    await expect.poll(async () => (await store.list('status/done-')).objects).toHaveLength(1);
    await expect.poll(() => queues.generate.depth()).toBe(0);
    await stopServing();
    expect(await announcedBy(one)).toEqual([]);
    const reads = vi.spyOn(store, 'get');
    expect(await announcedBy(one)).toEqual([]);
    expect(reads.mock.calls.map(([key]) => key).filter((key) => /^(jobs|status)/.test(key))).toEqual([]);
  });

  it('finds the same content that was put there again, though it knows how it ended', async () => {
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    serve('generate');
    await reaches('a', 'succeeded');
    await stopServing();
    const one = sweep({ everySeconds: 0 });
    expect(await announcedBy(one)).toEqual([]);
    expect(one.remembered).toBe(1);
    const later = Date.now() / 1000 + 60;
    await utimes(join(store.root, jobKey('a')), later, later);
    expect(await announcedBy(one)).toEqual([jobKey('a')]);
  });

  it('announces what has a broken record once', async () => {
    await store.put(jobKey('a'), bytes({ prompt: 'a' }));
    await store.put(statusKey('a'), bytes('no record'));
    const one = sweep({ everySeconds: 0 });
    expect(await announcedBy(one)).toEqual([jobKey('a')]);
    expect(await announcedBy(one)).toEqual([]);
  });

  it('takes up again what a dead worker left, and what was submitted again', async () => {
    await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
    serve('generate');
    await reaches('a', 'succeeded');
    await stopServing();
    const old = await statusOf(store, 'a');
    const later = { now: () => Date.now() + 600_000 };
    await store.put(
      statusKey('a'),
      bytes({ ...old, state: 'running', worker: 'w', lease_until: new Date().toISOString() }),
    );
    expect(await sweep({ ...later, everySeconds: 0 }).once()).toBe(1);
    for (const message of await queues.generate.receive({ max: 10, waitSeconds: 0 })) await message.delete();
    await store.put(statusKey('a'), bytes(old));
    expect(await sweep({ ...later, everySeconds: 0 }).once()).toBe(0);
    await store.put(jobKey('a'), bytes({ prompt: 'another' }));
    expect(await sweep({ ...later, everySeconds: 0 }).once()).toBe(1);
  });
});
