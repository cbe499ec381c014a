import { type FolderStore, statusKey } from '@espalier/storage';
import { describe, expect, it } from 'vitest';
import {
  bucket,
  drop,
  forever,
  gate,
  ManualTime,
  type Script,
  started,
  statusOf,
  stepped,
  untilAborted,
  whileWaiting,
  worker,
} from './helpers.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a claim', () => {
  it('keeps a second worker off the job', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const working = gate();
    const finish = gate();
    const one = worker(store, time, async () => {
      working.open();
      await finish.opened;
    });
    const two = worker(store, time);
    const done = one.worker.drain(forever);
    await working.opened;
    const waiting = two.worker.drain(forever);
    // The first one renews its lease; so the second knows that it lives, and leaves.
    await whileWaiting(waiting, () => time.advance(5));
    expect(two.runner.jobs).toEqual([]);
    finish.open();
    expect(await done).toMatchObject({ succeeded: 1 });
  });

  it('is won by one of many workers that look at the same moment', async () => {
    const store = await bucket();
    const time = new ManualTime();
    for (let i = 0; i < 6; i += 1) await drop(store, `j${i}.json`, { prompt: 'a' }, time.clock.now() - 60_000);
    const workers = Array.from({ length: 5 }, () => worker(store, time));
    // So slowly that no lease can end while the disk takes its time over a claim.
    await whileWaiting(Promise.all(workers.map((w) => w.worker.drain(forever))), () => time.advance(0.0002));
    const done = workers.flatMap(({ runner }) => runner.jobs.map(({ id }) => id)).sort();
    expect(done).toEqual(['j0', 'j1', 'j2', 'j3', 'j4', 'j5']);
  });

  it('is taken over when the lease ends, and the old worker writes nothing more', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const hung = gate();
    const release = gate();
    const old = worker(
      store,
      time,
      async () => {
        hung.open();
        await release.opened;
      },
      // Its beats never come: a machine that was put to sleep.
      { timers: { every: () => () => {}, after: () => () => {}, sleep: (ms, s) => time.sleep(ms, s) } },
    );
    const oldDone = old.worker.drain(forever);
    await hung.opened;
    await time.advance(31);
    const next = worker(store, time);
    expect(await next.worker.drain(forever)).toMatchObject({ succeeded: 1 });
    const after = await store.head(statusKey('a'));
    release.open();
    expect(await oldDone).toMatchObject({ lost: 1, succeeded: 0 });
    expect((await store.head(statusKey('a')))?.etag).toBe(after?.etag);
    expect(await statusOf(store, 'a')).toMatchObject({ state: 'succeeded', attempt: 2 });
  });

  it('stops a run that lost it', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const working = gate();
    const { worker: tested, runner } = worker(store, time, async (_job, { signal, onEvent }) => {
      if (runner.jobs.length > 1) return;
      onEvent(started('structure', 12));
      working.open();
      await untilAborted(signal);
    });
    const done = tested.drain(forever);
    await working.opened;
    await store.put(statusKey('a'), bytes(JSON.stringify({ ...(await statusOf(store, 'a')), worker: 'other' })));
    await whileWaiting(done, () => time.advance(1));
    // The other one shows no life: once its lease has ended the job is taken back.
    expect(await done).toMatchObject({ lost: 1, succeeded: 1 });
    expect(await statusOf(store, 'a')).toMatchObject({ state: 'succeeded', attempt: 2 });
  });

  it('shows stage and step while the work goes on', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const working = gate();
    const finish = gate();
    const { worker: tested } = worker(store, time, async (_job, { onEvent }) => {
      onEvent(started('structure', 12));
      onEvent(stepped('structure', 5, 12));
      working.open();
      await finish.opened;
    });
    const done = tested.drain(forever);
    await working.opened;
    await time.advance(1);
    const status = await statusOf(store, 'a');
    expect(status).toMatchObject({ state: 'running', stage: 'structure', step: 5, steps: 12 });
    expect(Date.parse(status.lease_until ?? '')).toBe(time.clock.now() + 30_000);
    finish.open();
    await done;
  });

  it('is given up by a job that hangs, and a job that keeps failing fails', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const { worker: tested, runner } = worker(
      store,
      time,
      // It does not even react when it is told to stop.
      () => new Promise<void>(() => {}),
      { pace: { stall: 60 } },
    );
    const done = tested.drain(forever);
    await whileWaiting(done, () => time.advance(10));
    expect(runner.jobs).toHaveLength(6);
    expect(await statusOf(store, 'a')).toMatchObject({ state: 'failed', error: { code: 'STALLED' } });
  });

  /** A worker that dies: it never renews its claim, and is never heard of again. */
  async function die(store: FolderStore, time: ManualTime, before: Script = async () => {}): Promise<void> {
    const dying = gate();
    const { worker: victim } = worker(
      store,
      time,
      async (job, options) => {
        await before(job, options);
        dying.open();
        await new Promise(() => {});
      },
      { timers: { every: () => () => {}, after: () => () => {}, sleep: (ms, s) => time.sleep(ms, s) } },
    );
    void victim.drain(forever);
    await dying.opened;
    await time.advance(31);
  }

  it('that ends with its worker three times at the same work fails the job', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const reachStep = (step: number): Script => {
      return async ({ id }, { onEvent }) => {
        onEvent(started('structure', 20));
        onEvent(stepped('structure', step, 20));
        // The first to work on it tells nothing in so short a time; those who follow a death tell at once.
        const { attempt } = await statusOf(store, id);
        if (attempt > 1) await expect.poll(async () => (await statusOf(store, id)).events.length).toBe(2 * attempt);
      };
    };
    // One that tells nothing, one that gets as far as the first step, one that gets to the third; then no further.
    for (const step of [3, 1, 3, 3, 2]) await die(store, time, reachStep(step));
    expect(await statusOf(store, 'a')).toMatchObject({ crashes: 2, step: 3, attempt: 5 });
    const { worker: last, runner } = worker(store, time);
    expect(await last.drain(forever)).toMatchObject({ failed: 1 });
    expect(runner.jobs).toEqual([]);
    const { state, error } = await statusOf(store, 'a');
    expect({ state, error }).toMatchObject({
      state: 'failed',
      error: { code: 'WORKER_CRASHED', message: 'its worker died 3 times in structure without getting further' },
    });
  });

  it('that ends with its worker before any work began is no fault of the job, until that never ends', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'good.json', { prompt: 'a' }, time.clock.now() - 60_000);
    for (let death = 1; death <= 9; death += 1) await die(store, time);
    expect(await statusOf(store, 'good')).toMatchObject({ attempt: 9, crashes: 0, state: 'running' });
    expect(await worker(store, time).worker.drain(forever)).toMatchObject({ succeeded: 1 });
    await drop(store, 'never.json', { prompt: 'b' }, time.clock.now() - 60_000);
    for (let death = 1; death <= 10; death += 1) await die(store, time);
    expect(await worker(store, time).worker.drain(forever)).toMatchObject({ failed: 1 });
    expect((await statusOf(store, 'never')).error).toMatchObject({
      code: 'WORKER_CRASHED',
      message: 'its worker died 10 times before any work',
    });
  });
});
