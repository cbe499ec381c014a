import { CancelledError, JobStatusSchema, RejectionSchema, RetryableError, TerminalError } from '@espalier/contracts';
import { cancelKey, rejectedKey, resultKey, statusKey } from '@espalier/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bucket,
  drop,
  forever,
  gate,
  ManualTime,
  started,
  statusOf,
  stepped,
  untilAborted,
  worker,
} from './helpers.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

describe('a job file', () => {
  it('is done, its record tells the way, and a second look does nothing', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'chest.json', { prompt: 'a chest', seed: 42 }, time.clock.now() - 60_000);
    const first = worker(store, time);
    expect(await first.worker.drain(forever)).toMatchObject({ succeeded: 1, failed: 0 });
    const status = await statusOf(store, 'chest');
    expect(status).toMatchObject({
      state: 'succeeded',
      seed: 42,
      attempt: 1,
      results: { 'model.glb': 'results/chest/model.glb', 'stats.json': 'results/chest/stats.json' },
    });
    expect(status.lease_until, 'the claim is gone').toBeUndefined();
    expect(status.events.map(({ state }) => state)).toEqual(['queued', 'running', 'succeeded']);
    const second = worker(store, time);
    expect(await second.worker.drain(forever)).toMatchObject({ succeeded: 0 });
    expect(second.runner.jobs).toEqual([]);
  });

  it('gets one seed for all its attempts when it names none', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    let seeds = 0;
    const random = (bound: number) => bound - ++seeds;
    let fail = true;
    const { worker: tested, runner } = worker(
      store,
      time,
      async () => {
        if (!fail) return;
        fail = false;
        throw new RetryableError('no room', { code: 'STORE_FULL' });
      },
      { random },
    );
    const done = tested.drain(forever);
    await until(() => runner.jobs.length === 1);
    await whileWaiting(done, () => time.advance(1));
    expect(runner.jobs.map(({ input }) => input.seed)).toEqual([2 ** 32 - 1, 2 ** 32 - 1]);
    expect((await statusOf(store, 'a')).events.map(({ note }) => note)).toContain('tried again later: STORE_FULL');
  });

  it('runs oldest first', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 10_000);
    await drop(store, 'b.json', { prompt: 'b' }, time.clock.now() - 30_000);
    await drop(store, 'c.json', { prompt: 'c' }, time.clock.now() - 20_000);
    const { worker: tested, runner } = worker(store, time);
    await tested.drain(forever);
    expect(runner.jobs.map(({ id }) => id)).toEqual(['b', 'c', 'a']);
  });

  it('with an id of its own goes by that id; a second file with the same id is refused', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'one.json', { id: 'x', prompt: 'a' }, time.clock.now() - 60_000);
    await drop(store, 'two.json', { id: 'x', prompt: 'b' }, time.clock.now() - 50_000);
    const { worker: tested, runner } = worker(store, time);
    expect(await tested.drain(forever)).toMatchObject({ succeeded: 1, rejected: 1 });
    expect(runner.jobs.map(({ id, input }) => [id, input.prompt])).toEqual([['x', 'a']]);
    const refused = (await store.list('rejected/')).objects[0];
    expect(refused?.key).toMatch(/^rejected\/x-[0-9a-f]{12}\.json$/);
    const rejection = JSON.parse(Buffer.from((await store.get(refused?.key ?? ''))?.body ?? []).toString());
    expect(RejectionSchema.parse(rejection)).toMatchObject({ source: 'jobs/two.json', error: { code: 'ID_TAKEN' } });
    expect(await worker(store, time).worker.drain(forever), 'once').toMatchObject({ rejected: 0, succeeded: 0 });
  });

  it('that is put there again after its end runs again; one that only stays there does not', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a', seed: 1 }, Date.now() - 60_000);
    const { worker: tested, runner } = worker(store, time);
    await tested.drain(forever);
    await tested.drain(forever);
    expect(runner.jobs).toHaveLength(1);
    await drop(store, 'a.json', { prompt: 'a', seed: 1 }, Date.now() + 1000);
    await tested.drain(forever);
    expect(runner.jobs).toHaveLength(2);
    await drop(store, 'a.json', { prompt: 'a', seed: 2 }, Date.now() + 1000);
    await tested.drain(forever);
    expect(runner.jobs.map(({ input }) => input.seed)).toEqual([1, 1, 2]);
    expect((await statusOf(store, 'a')).attempt, 'a new submission counts anew').toBe(1);
  });
});

describe('a bad job file', () => {
  it.each([
    ['empty', '', 'BODY_EMPTY'],
    ['not JSON', 'a chest', 'BODY_NOT_JSON'],
    ['a list', [{ prompt: 'a' }], 'JOB_NOT_OBJECT'],
    ['10 MB', new Uint8Array(10 * 1024 * 1024).fill(0x20), 'BODY_TOO_LARGE'],
    ['deep', '['.repeat(50_000), 'BODY_TOO_DEEP'],
    ['__proto__', '{"prompt":"a","__proto__":{"seed":1}}', 'UNKNOWN_KEYS'],
    ['an id with slashes', { prompt: 'a', id: '../../etc/passwd' }, 'ID_INVALID'],
    ['no prompt', { seed: 1 }, 'PROMPT_MISSING'],
  ])('(%s) is rejected with the reason, its input kept, and the next one runs', async (_name, body, code) => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'bad.json', body, time.clock.now() - 60_000);
    await drop(store, 'good.json', { prompt: 'a' }, time.clock.now() - 50_000);
    const before = await store.get('jobs/bad.json');
    const { worker: tested } = worker(store, time);
    expect(await tested.drain(forever)).toMatchObject({ rejected: 1, succeeded: 1 });
    const rejection = JSON.parse(Buffer.from((await store.get(rejectedKey('bad')))?.body ?? []).toString());
    expect(RejectionSchema.parse(rejection)).toMatchObject({ id: 'bad', source: 'jobs/bad.json', error: { code } });
    expect(await statusOf(store, 'bad')).toMatchObject({ state: 'rejected', error: { code } });
    expect((await store.get('jobs/bad.json'))?.etag).toBe(before?.etag);
    expect(await tested.drain(forever), 'said once').toMatchObject({ rejected: 1 });
  });

  it('with an odd name is found again under a safe id', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'my chest (1).json', '{', time.clock.now() - 60_000);
    await drop(store, 'sub/a b.json', { prompt: 'fine' }, time.clock.now() - 60_000);
    await drop(store, '.hidden.json', '{', time.clock.now() - 60_000);
    await drop(store, 'notes.txt', '{', time.clock.now() - 60_000);
    const { worker: tested } = worker(store, time);
    expect(await tested.drain(forever)).toMatchObject({ rejected: 1, succeeded: 1 });
    expect((await store.list('rejected/')).objects.map(({ key }) => key)).toEqual([
      expect.stringMatching(/^rejected\/my-chest-1-[0-9a-f]{12}\.json$/),
    ]);
  });

  it('is given time while it is still being written', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'slow.json', '{"prompt": "a wooden ch', time.clock.now() - 500);
    const { worker: tested, runner } = worker(store, time);
    const done = tested.drain(forever);
    await until(async () => (await store.list('jobs/')).objects.length === 1);
    await drop(store, 'slow.json', { prompt: 'a wooden chest' }, time.clock.now());
    await whileWaiting(done, () => time.advance(0.5));
    expect(runner.jobs.map(({ input }) => input.prompt)).toEqual(['a wooden chest']);
  });

  it('of any kind ends accepted or rejected with a reason (fuzz)', async () => {
    const key = fc.constantFrom('prompt', 'seed', 'simplify', 'texture_size', 'input', 'id', 'tags', 'x', '__proto__');
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.dictionary(key, fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constant('chest'))).map((v) => JSON.stringify(v)),
      fc.uint8Array({ maxLength: 64 }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(body, { minLength: 20, maxLength: 20 }), async (bodies) => {
        const store = await bucket();
        const time = new ManualTime();
        for (const [i, content] of bodies.entries())
          await drop(store, `job${i}.json`, content, time.clock.now() - 60_000);
        const { succeeded, rejected } = await worker(store, time).worker.drain(forever);
        expect(succeeded + rejected).toBe(20);
        for (const { key: at } of (await store.list('status/')).objects) {
          const status = JobStatusSchema.parse(JSON.parse(Buffer.from((await store.get(at))?.body ?? []).toString()));
          if (status.state === 'succeeded') continue;
          expect(status.state).toBe('rejected');
          expect(status.error?.code).toMatch(/^[A-Z0-9_]+$/);
          expect(await store.head(rejectedKey(status.id))).toBeDefined();
        }
      }),
      { numRuns: 10 },
    );
  });
});

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

  it('that ends with its worker three times in the same place fails the job', async () => {
    const store = await bucket();
    const time = new ManualTime();
    await drop(store, 'a.json', { prompt: 'a' }, time.clock.now() - 60_000);
    for (let death = 1; death <= 3; death += 1) {
      const dying = gate();
      const { worker: victim } = worker(
        store,
        time,
        async () => {
          dying.open();
          await new Promise(() => {});
        },
        { timers: { every: () => () => {}, after: () => () => {}, sleep: (ms, s) => time.sleep(ms, s) } },
      );
      void victim.drain(forever);
      await dying.opened;
      await time.advance(31);
    }
    const { worker: last, runner } = worker(store, time);
    expect(await last.drain(forever)).toMatchObject({ failed: 1 });
    expect(runner.jobs).toEqual([]);
    expect(await statusOf(store, 'a')).toMatchObject({ state: 'failed', error: { code: 'WORKER_CRASHED' } });
  });
});

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

/** Gives the file system its turns until the condition holds. */
async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve));
}

/** Lets time pass until the promise settles. */
async function whileWaiting(done: Promise<unknown>, pass: () => Promise<void>): Promise<void> {
  let settled = false;
  void done.finally(() => {
    settled = true;
  });
  await until(async () => {
    if (!settled) await pass();
    return settled;
  });
}
