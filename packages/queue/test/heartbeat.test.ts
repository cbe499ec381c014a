import { LostClaimError, RetryableError } from '@espalier/contracts';
import { beforeEach, expect, it } from 'vitest';
import { Heartbeat, type HeartbeatOptions } from '../src/index.ts';

let now: number;
let alarm: { readonly at: number; readonly ring: () => void } | undefined;
let extended: number[];
let lost: LostClaimError[];
let missed: unknown[];
let answer: () => Promise<void>;

beforeEach(() => {
  now = 0;
  alarm = undefined;
  extended = [];
  lost = [];
  missed = [];
  answer = async () => {};
});

const beat = (options: Partial<HeartbeatOptions> = {}) =>
  new Heartbeat(
    {
      extend: async (seconds) => {
        await answer();
        extended.push(seconds);
      },
    },
    {
      visibilitySeconds: 120,
      everySeconds: 60,
      stallSeconds: 300,
      onLost: (error) => lost.push(error),
      onMissed: (error) => missed.push(error),
      clock: { now: () => now },
      schedule: (milliseconds, ring) => {
        alarm = { at: now + milliseconds, ring };
        return () => {
          alarm = undefined;
        };
      },
      ...options,
    },
  );

async function pass(seconds: number): Promise<void> {
  const until = now + seconds * 1000;
  while (alarm !== undefined && alarm.at <= until) {
    now = alarm.at;
    const { ring } = alarm;
    alarm = undefined;
    ring();
    await new Promise((resolve) => setImmediate(resolve));
  }
  now = until;
}

it('beats as long as the work advances', async () => {
  const heartbeat = beat();
  for (let minute = 0; minute < 30; minute += 1) {
    await pass(60);
    heartbeat.advanced();
  }
  expect(extended).toEqual(Array(30).fill(120));
  heartbeat.stop();
  await pass(600);
  expect(extended).toHaveLength(30);
  expect(lost).toEqual([]);
});

it('stops when the work hangs', async () => {
  beat();
  await pass(1000);
  expect(extended).toHaveLength(4);
  expect(lost).toMatchObject([{ code: 'WORK_STALLED', message: 'no progress for 300 s' }]);
  expect(alarm, 'no timer stays behind').toBeUndefined();
});

it('ends when the message is gone', async () => {
  answer = async () => {
    throw new LostClaimError('taken');
  };
  beat();
  await pass(1000);
  expect(lost).toHaveLength(1);
  expect(extended).toEqual([]);
});

it('outlives a queue that is away for a moment, not one that is away for longer than the message is hidden', async () => {
  const away = async () => {
    throw new RetryableError('away', { code: 'QUEUE_UNAVAILABLE' });
  };
  const heartbeat = beat();
  await pass(60);
  answer = away;
  await pass(60);
  answer = async () => {};
  await pass(60);
  expect([extended.length, missed.length, lost.length]).toEqual([2, 1, 0]);
  heartbeat.advanced();
  answer = away;
  await pass(600);
  expect([missed.length, lost.length]).toEqual([2, 1]);
});

it('refuses an interval that cannot work', () => {
  expect(() => beat({ everySeconds: 120 })).toThrow(/cannot keep a message hidden/);
});
