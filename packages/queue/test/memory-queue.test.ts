import { expect, it } from 'vitest';
import { MemoryQueue } from '../src/index.ts';
import { describeJobQueue } from './conformance.ts';

/** Time that stands still until it is told to pass. */
class ManualTime {
  #now = Date.UTC(2026, 0, 1);
  readonly #alarms = new Set<{ readonly at: number; readonly ring: () => void }>();

  readonly clock = { now: () => this.#now };
  readonly schedule = (milliseconds: number, ring: () => void) => {
    const alarm = { at: this.#now + milliseconds, ring };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  };

  async advance(seconds: number): Promise<void> {
    this.#now += seconds * 1000;
    for (const alarm of [...this.#alarms]) {
      if (alarm.at > this.#now) continue;
      this.#alarms.delete(alarm);
      alarm.ring();
    }
    await Promise.resolve();
  }

  get alarms(): number {
    return this.#alarms.size;
  }
}

function open(time: ManualTime) {
  const { clock, schedule } = time;
  return new MemoryQueue({ name: 'test', visibilitySeconds: 30, maxReceives: 3, clock, schedule });
}

describeJobQueue('memory', async () => {
  const time = new ManualTime();
  const queue = open(time);
  return {
    queue,
    visibilitySeconds: 30,
    maxReceives: 3,
    advance: (seconds) => time.advance(seconds),
    deadLetters: async () => [...queue.deadLetters],
    dispose: async () => {},
  };
});

it('wakes for a lease that ends or a delay that passes while somebody waits', async () => {
  const time = new ManualTime();
  const queue = open(time);
  await queue.send('a', { delaySeconds: 5 });
  const waiting = queue.receive({ max: 1, waitSeconds: 20 });
  await time.advance(6);
  expect((await waiting).map(({ body }) => body)).toEqual(['a']);
  const second = queue.receive({ max: 1, waitSeconds: 60 });
  await time.advance(31);
  expect((await second)[0]?.receiveCount).toBe(2);
  const third = queue.receive({ max: 1, waitSeconds: 10 });
  await time.advance(11);
  expect(await third, 'nothing within the wait').toEqual([]);
  expect(time.alarms, 'no timer stays behind').toBe(0);
});

it('counts exactly', async () => {
  const time = new ManualTime();
  const queue = open(time);
  await queue.send('a');
  await queue.send('b', { delaySeconds: 60 });
  expect(await queue.depth()).toBe(1);
  await queue.receive({ max: 1, waitSeconds: 0 });
  expect(await queue.depth()).toBe(0);
  await time.advance(61);
  expect(await queue.depth()).toBe(2);
});
