/** What every `JobQueue` adapter must hold. The same suite runs against each of them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JobQueue, QueueMessage } from '../src/index.ts';

export interface QueueUnderTest {
  /** Hides received messages for `visibilitySeconds`; buries what was received `maxReceives` times. */
  readonly queue: JobQueue;
  readonly visibilitySeconds: number;
  readonly maxReceives: number;
  /** Lets this much time pass, for the queue. */
  advance(seconds: number): Promise<void>;
  deadLetters(): Promise<{ readonly body: string; readonly reason?: string }[]>;
  dispose(): Promise<void>;
}

export function describeJobQueue(name: string, open: () => Promise<QueueUnderTest>): void {
  describe(`${name} as a job queue`, () => {
    let under: QueueUnderTest;
    let queue: JobQueue;
    beforeEach(async () => {
      under = await open();
      queue = under.queue;
    });
    afterEach(() => under.dispose());

    const poll = (max = 10) => queue.receive({ max, waitSeconds: 0 });
    /** Real queues may answer an empty hand now and then: asks until `count` came. */
    const collect = async (count: number): Promise<QueueMessage[]> => {
      const all: QueueMessage[] = [];
      for (let turn = 0; turn < 20 && all.length < count; turn += 1) all.push(...(await poll()));
      return all;
    };
    const first = async (): Promise<QueueMessage> => {
      const [message] = await collect(1);
      if (message === undefined) throw new Error('nothing came');
      return message;
    };

    it('delivers a body unchanged, counts the delivery, and forgets it when deleted', async () => {
      const body = JSON.stringify({ prompt: 'Ein Schrank — 木 🪵', padding: 'x'.repeat(200_000) });
      await queue.send(body);
      const message = await first();
      expect(message.body).toBe(body);
      expect(message.receiveCount).toBe(1);
      expect(message.sentAt).toBeGreaterThan(0);
      await message.delete();
      await under.advance(under.visibilitySeconds + 1);
      expect(await poll()).toEqual([]);
    });

    it('hides what was received, and delivers it again when the lease ends', async () => {
      await queue.send('a');
      const message = await first();
      expect(await poll()).toEqual([]);
      await under.advance(under.visibilitySeconds + 1);
      const again = await first();
      expect([again.id, again.receiveCount]).toEqual([message.id, 2]);
    });

    it('keeps a lease that is extended, and hands back at once on 0', async () => {
      await queue.send('a');
      const message = await first();
      for (let beat = 0; beat < 3; beat += 1) {
        await under.advance(under.visibilitySeconds * 0.6);
        await message.extend(under.visibilitySeconds);
        expect(await poll()).toEqual([]);
      }
      await message.extend(0);
      expect((await first()).receiveCount).toBe(2);
    });

    it('lets an old delivery neither extend nor bury what came again', async () => {
      await queue.send('a');
      const old = await first();
      await under.advance(under.visibilitySeconds + 1);
      await expect(old.extend(under.visibilitySeconds)).rejects.toMatchObject({ code: 'LEASE_LOST' });
    });

    it('delays', async () => {
      await queue.send('later', { delaySeconds: 2 });
      expect(await poll()).toEqual([]);
      await under.advance(2.5);
      expect((await first()).body).toBe('later');
      await expect(queue.send('x', { delaySeconds: 901 })).rejects.toMatchObject({ code: 'QUEUE_DELAY_INVALID' });
    });

    it('gives at most as many as asked, and each to one receiver', async () => {
      for (let i = 0; i < 25; i += 1) await queue.send(String(i));
      expect((await poll(3)).length).toBeLessThanOrEqual(3);
      await under.advance(under.visibilitySeconds + 1);
      const seen = (await Promise.all(Array.from({ length: 10 }, () => poll(4)))).flat().concat(await collect(25));
      const bodies = seen.map(({ body }) => body);
      expect(new Set(bodies).size).toBe(bodies.length);
    });

    it('wakes a waiting receiver when something comes, and when it is called off', async () => {
      const waiting = queue.receive({ max: 1, waitSeconds: 10 });
      await queue.send('now');
      expect((await waiting).map(({ body }) => body)).toEqual(['now']);
      const calledOff = new AbortController();
      const idle = queue.receive({ max: 1, waitSeconds: 10, signal: calledOff.signal });
      calledOff.abort();
      expect(await idle).toEqual([]);
    });

    it('buries with a reason, and what comes too often by itself', async () => {
      await queue.send('broken');
      await (await first()).deadLetter('not a job');
      expect(await under.deadLetters()).toEqual([expect.objectContaining({ body: 'broken', reason: 'not a job' })]);
      await queue.send('poison');
      for (let receive = 1; receive <= under.maxReceives; receive += 1) {
        expect((await first()).receiveCount).toBe(receive);
        await under.advance(under.visibilitySeconds + 1);
      }
      expect(await poll()).toEqual([]);
      expect((await under.deadLetters()).map(({ body }) => body).sort()).toEqual(['broken', 'poison']);
    });

    it('counts what is visible', async () => {
      for (const body of ['a', 'b', 'c']) await queue.send(body);
      await first();
      expect(await queue.depth()).toBeLessThanOrEqual(3);
    });
  });
}
