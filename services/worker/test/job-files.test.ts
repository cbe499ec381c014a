import { JobStatusSchema, RejectionSchema, RetryableError } from '@espalier/contracts';
import { rejectedKey } from '@espalier/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bucket, drop, forever, ManualTime, statusOf, until, whileWaiting, worker } from './helpers.ts';

const _bytes = (text: string) => new TextEncoder().encode(text);

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
  }, 300_000);
});
