/** When a worker looks for a cancel marker, and which one it heeds. */
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { cancelKey, jobKey } from '@espalier/storage';
import { expect, it, vi } from 'vitest';
import { type LaneOptions, systemTimers } from '../src/index.ts';
import { started, untilAborted } from './helpers.ts';
import { bytes, queues, reaches, type Script, serve, store } from './lane-helpers.ts';

/** Milliseconds since the epoch: long before any marker of a test is written. */
const SUBMITTED = Date.UTC(2026, 0, 1);

/** A job object of that time, and its announcement. */
async function submit(id: string): Promise<void> {
  await store.put(jobKey(id), bytes({ prompt: id }));
  await date(jobKey(id), SUBMITTED);
  await queues.generate.send(JSON.stringify({ espalier: { job: id } }));
}

const date = (key: string, at: number) => utimes(join(store.root, key), at / 1000, at / 1000);

/** A lane that looks every 5 s, whose clock stands a while after the submission. */
function serveAt(afterMs: number, script?: Script) {
  const first = vi.fn(systemTimers.after);
  const looks = vi.spyOn(store, 'head');
  const options: Partial<LaneOptions> = {
    clock: { now: () => SUBMITTED + afterMs },
    timers: { ...systemTimers, after: first },
    pace: { poll: 1, beat: 5 },
  };
  serve('generate', script, options);
  return { first, looks: () => looks.mock.calls.filter(([key]) => key.startsWith('cancel/')).length };
}

it.each([
  ['a moment ago', 2000, 0],
  ['longer ago than it looks', 5000, 1],
  ['in the time of another clock', -1000, 1],
])('a job that was submitted %s is claimed after so many looks', async (_name, afterMs, expected) => {
  await submit('a');
  const { looks } = serveAt(afterMs);
  await reaches('a', 'succeeded');
  expect(looks()).toBe(expected);
});

it('a job that came in a message counts from when the message was sent', async () => {
  await queues.generate.send(JSON.stringify({ id: 'a', prompt: 'a' }));
  const now = Date.now();
  const looks = vi.spyOn(store, 'head');
  const reads = vi.spyOn(store, 'get');
  serve('generate', undefined, { clock: { now: () => now + 60_000 }, pace: { poll: 1, beat: 5 } });
  await reaches('a', 'succeeded');
  expect(looks.mock.calls.map(([key]) => key)).toEqual([cancelKey('a')]);
  expect(reads.mock.calls.map(([key]) => key).filter((key) => key.startsWith('jobs/'))).toEqual([]);
});

it('a marker that came before the claim of a new job is seen as soon as one that came after', async () => {
  await submit('a');
  await store.put(cancelKey('a'), bytes(''));
  const { first, looks } = serveAt(2000, async (_job, { signal, onEvent }) => {
    onEvent(started('structure', 100));
    await untilAborted(signal);
  });
  await reaches('a', 'running');
  // 5 s after the submission, not after the claim.
  await expect.poll(() => first.mock.calls.filter(([ms]) => ms === 3000)).toHaveLength(1);
  expect(looks()).toBe(0);
  first.mock.calls.find(([ms]) => ms === 3000)?.[1]();
  await reaches('a', 'cancelled');
});

it('any marker counts for a job whose date lies ahead', async () => {
  await submit('a');
  await date(jobKey('a'), Date.now() + 3_600_000);
  serve('generate', (_job, { signal }) => untilAborted(signal));
  await reaches('a', 'running');
  await store.put(cancelKey('a'), bytes(''));
  await reaches('a', 'cancelled');
});

it('a marker that is older than the job was meant for another submission, however often it is seen', async () => {
  await store.put(cancelKey('a'), bytes(''));
  await date(cancelKey('a'), SUBMITTED - 60_000);
  await submit('a');
  const looks = vi.spyOn(store, 'head');
  serve('generate', async (_job, { signal }) => {
    await Promise.race([untilAborted(signal), expect.poll(() => looks.mock.calls.length).toBeGreaterThan(3)]);
  });
  await reaches('a', 'succeeded');
});
