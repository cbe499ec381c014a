import { CancelledError, RetryableError, TerminalError } from '@espalier/contracts';
import { cancelKey, resultKey, statusKey } from '@espalier/storage';
import { describe, expect, it } from 'vitest';
import {
  bucket,
  drop,
  forever,
  gate,
  ManualTime,
  started,
  statusOf,
  until,
  untilAborted,
  whileWaiting,
  worker,
} from './helpers.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('the end of a job', () => {
  const cases = [
    [
      'TerminalError',
      new TerminalError('bad weights', { code: 'WEIGHTS_BROKEN', remedy: 'fetch them' }),
      'WEIGHTS_BROKEN',
    ],
    ['any other error', new Error('a bug'), 'INTERNAL'],
  ] as const;
  it.each(cases)('is failure, once, after %s', async (_name, error, code) => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const { worker: tested, runner } = worker(store, time, () => Promise.reject(error));
    expect(await tested.drain(forever)).toMatchObject({ failed: 1 });
    expect(runner.jobs).toHaveLength(1);
    expect(await statusOf(store, 'a')).toMatchObject({ state: 'failed', error: { code, message: error.message } });
  });

  it('is cancellation when a marker appears, before or during the run', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'waiting.json', { prompt: 'a' }, time.clock.now() - 60_000);
    await store.put(cancelKey('waiting'), bytes(''));
    await drop(store, 'running.json', { prompt: 'a' }, time.clock.now() - 50_000);
    const working = gate();
    const { worker: tested, runner } = worker(store, time, async (_job, { signal }) => {
      working.open();
      await untilAborted(signal);
    });
    const done = tested.drain(forever);
    await working.opened;
    await store.put(cancelKey('running'), bytes(''));
    await whileWaiting(done, () => time.advance(1));
    expect(await done).toMatchObject({ cancelled: 2 });
    expect(runner.jobs.map(({ id }) => id)).toEqual(['running']);
    for (const id of ['waiting', 'running']) {
      expect((await statusOf(store, id)).state).toBe('cancelled');
      expect(await store.head(cancelKey(id)), 'the marker is used up').toBeUndefined();
    }
  });

  it('is failure at the deadline, counted from submission', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'late.json', { prompt: 'a', deadline_seconds: 10 }, time.clock.now() - 60_000);
    await drop(store, 'slow.json', { prompt: 'a', deadline_seconds: 100 }, time.clock.now() - 50_000);
    const working = gate();
    const { worker: tested, runner } = worker(store, time, async (_job, { signal, onEvent }) => {
      onEvent(started('latent'));
      working.open();
      await untilAborted(signal);
    });
    const done = tested.drain(forever);
    await working.opened;
    await time.advance(49);
    expect((await statusOf(store, 'slow')).state).toBe('running');
    await whileWaiting(done, () => time.advance(1));
    expect(runner.jobs.map(({ id }) => id)).toEqual(['slow']);
    for (const id of ['late', 'slow']) {
      expect(await statusOf(store, id)).toMatchObject({ state: 'failed', error: { code: 'DEADLINE_EXCEEDED' } });
    }
  });

  it('waits for another worker when this one is told to stop', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    const working = gate();
    const stop = new AbortController();
    const one = worker(store, time, async (_job, { signal }) => {
      working.open();
      await untilAborted(signal);
    });
    const done = one.worker.serve(stop.signal);
    await working.opened;
    stop.abort();
    expect(await done).toMatchObject({ returned: 1 });
    expect(await statusOf(store, 'a')).toMatchObject({ state: 'queued', attempt: 1 });
    expect((await statusOf(store, 'a')).lease_until).toBeUndefined();
    expect(await worker(store, time).worker.drain(forever), 'at once').toMatchObject({ succeeded: 1 });
  });

  it('does not come from a CancelledError that nobody asked for', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    let times = 0;
    const { worker: tested } = worker(store, time, async () => {
      times += 1;
      if (times === 1) throw new CancelledError();
    });
    expect(await tested.drain(forever)).toMatchObject({ returned: 1, succeeded: 1 });
  });
});

describe('a serving worker', () => {
  it('is woken by a change, and outlives a store that fails', async () => {
    const store = await bucket();
    const time = new ManualTime();
    let wake = () => {};
    let broken = false;
    const flaky = new Proxy(store, {
      get: (target, name) => {
        if (name === 'list' && broken) {
          return () => Promise.reject(new RetryableError('the disk is gone', { code: 'STORE_IO' }));
        }
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const stop = new AbortController();
    const ended: string[] = [];
    const { worker: tested } = worker(store, time, undefined, {
      store: flaky,
      watch: (onChange) => {
        wake = onChange;
        return () => {};
      },
      onEnd: ({ id }) => ended.push(id),
    });
    const done = tested.serve(stop.signal);
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    await until(() => {
      wake();
      return ended.length === 1;
    });
    broken = true;
    wake();
    await drop(store, 'b.json', { prompt: 'b' }, time.clock.now() - 60_000);
    for (let i = 0; i < 5; i += 1) await time.advance(10);
    expect(ended).toEqual(['a']);
    broken = false;
    await until(async () => {
      await time.advance(60);
      return ended.length === 2;
    });
    stop.abort();
    expect(await done).toMatchObject({ succeeded: 2 });
  });

  it('leaves a status record that it cannot read, says so, and does the others', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    await drop(store, 'b.json', { prompt: 'b' }, time.clock.now() - 60_000);
    await store.put(statusKey('a'), bytes('{"state":'));
    const said: object[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (details: object) => said.push(details),
      child: () => logger,
    };
    expect(await worker(store, time, undefined, { logger }).worker.drain(forever)).toMatchObject({ succeeded: 1 });
    expect(said).toEqual([expect.objectContaining({ code: 'STATUS_UNREADABLE' })]);
    expect(await store.head(resultKey('a', 'stats.json'))).toBeUndefined();
  });
});
