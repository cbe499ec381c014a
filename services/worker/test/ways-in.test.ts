import { encodeJobTurn, parseMessage } from '@espalier/queue';
import { DEAD_LETTERS_PREFIX, jobKey } from '@espalier/storage';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, eventBridge, queues, reaches, s3Event, serve, sns, stopServing, store } from './lane-helpers.ts';

describe('one job announced in every way', () => {
  it('runs once', async () => {
    const key = jobKey('red flower+vase (ü)');
    await store.put(key, bytes({ id: 'flower', prompt: 'a red flower', webhook: 'https://hooks.example/x' }));
    for (const body of [
      s3Event(key),
      eventBridge(key),
      sns(s3Event(key)),
      sns(eventBridge(key)),
      encodeJobTurn({ job: 'flower', key }),
    ]) {
      await queues.generate.send(body);
    }
    const one = serve('generate', undefined, { width: 3 });
    const two = serve('generate', undefined, { width: 2 });
    await reaches('flower', 'succeeded');
    await expect.poll(() => queues.generate.depth()).toBe(0);
    expect(one.runner.jobs.length + two.runner.jobs.length).toBe(1);
    const told = await queues.notify.receive({ max: 10, waitSeconds: 1 });
    expect(told.map(({ body }) => parseMessage(body))).toMatchObject([{ kind: 'turn', turn: { job: 'flower' } }]);
  });

  it('runs once when it lies in the messages themselves', async () => {
    const job = { prompt: 'a chair', seed: 5 };
    for (let copy = 0; copy < 5; copy += 1) await queues.generate.send(JSON.stringify(job));
    await queues.generate.send('{"seed":5,"prompt":"a chair"}');
    const { runner } = serve('generate', undefined, { width: 4 });
    await expect.poll(() => runner.jobs.length).toBe(1);
    await expect.poll(() => queues.generate.depth()).toBe(0);
    expect((await store.list('jobs/')).objects).toHaveLength(1);
    expect(runner.jobs).toHaveLength(1);
  });
});

describe('what is no job', () => {
  it('goes to the dead letters with a reason in the bucket, and blocks nothing', async () => {
    const nonsense = ['hello', '{}', '[1]', '{"Records":[]}', JSON.stringify({ espalier: { job: '../x' } })];
    for (const body of nonsense) await queues.generate.send(body);
    await queues.generate.send(JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent' }));
    await queues.generate.send(s3Event('jobs/readme.txt'));
    await queues.generate.send(s3Event('results/x/model.glb'));
    await queues.generate.send(s3Event('jobs/gone.json'));
    await queues.generate.send(JSON.stringify({ prompt: 'a chair', id: 'chair' }));
    serve('generate');
    await reaches('chair', 'succeeded');
    expect(queues.generate.deadLetters.map(({ body }) => body).sort()).toEqual([...nonsense].sort());
    const reasons = (await store.list(DEAD_LETTERS_PREFIX)).objects;
    expect(reasons).toHaveLength(nonsense.length);
    const record = JSON.parse(new TextDecoder().decode((await store.get(reasons[0]?.key ?? ''))?.body));
    expect(record).toMatchObject({ queue: 'memory:generate', code: expect.any(String), reason: expect.any(String) });
  });

  it('is rejected as a job when it is meant as one', async () => {
    await queues.generate.send(JSON.stringify({ id: 'bad', prompt: 7, webhook: 'https://hooks.example/x' }));
    await queues.generate.send(JSON.stringify({ id: 'taken', prompt: 'a' }));
    await queues.generate.send(JSON.stringify({ id: 'taken', prompt: 'b' }));
    serve('generate');
    await reaches('bad', 'rejected');
    await reaches('taken', 'succeeded');
    await expect
      .poll(() => queues.generate.deadLetters.map(({ reason }) => reason))
      .toEqual([expect.stringMatching(/ID_TAKEN: the id 'taken' stands for another job/)]);
    expect(await queues.notify.depth(), 'the notifier looks whether the rejected one names a webhook').toBe(1);
  });

  it('never ends the worker (property)', async () => {
    const { runner } = serve('generate', undefined, { width: 10 });
    const near = fc.record(
      {
        prompt: fc.oneof(fc.string(), fc.integer(), fc.constant(null)),
        seed: fc.oneof(fc.integer(), fc.double(), fc.string()),
        simplify: fc.double(),
        texture_size: fc.oneof(fc.integer({ min: 0, max: 8192 }), fc.string()),
        id: fc.oneof(fc.string(), fc.constantFrom('a', 'b', '..', 'a/b', '.')),
        input: fc.jsonValue(),
        tags: fc.jsonValue(),
        webhook: fc.webUrl(),
        sampler: fc.jsonValue(),
        deadline_seconds: fc.double(),
      },
      { requiredKeys: [] },
    );
    const good = fc.record({ prompt: fc.string({ minLength: 1 }), seed: fc.nat({ max: 50 }) });
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc.oneof(near, good).map((job) => JSON.stringify(job)),
    );
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(body, async (text) => {
        await queues.generate.send(text);
        sent += 1;
      }),
      { numRuns: 2000 },
    );
    await expect.poll(() => queues.generate.depth(), { timeout: 280_000 }).toBe(0);
    await stopServing();
    // Each message ended: as a job with a record at its end, or as a dead letter with a reason.
    const jobs = await names('jobs/');
    const records = await names('status/');
    const reasons = await names(DEAD_LETTERS_PREFIX);
    expect(sent).toBe(2000);
    expect(reasons.length).toBe(queues.generate.deadLetters.length);
    expect(records.length).toBeGreaterThanOrEqual(jobs.length);
    for (const key of records) {
      const status = JSON.parse(new TextDecoder().decode((await store.get(key))?.body));
      expect(['succeeded', 'rejected', 'failed'], key).toContain(status.state);
      if (status.state === 'rejected') expect(status.error.message.length).toBeGreaterThan(5);
    }
    expect(runner.jobs.length).toBeGreaterThan(0);
  }, 300_000);
});

async function names(prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for (let after: string | undefined = ''; after !== undefined; ) {
    const page = await store.list(prefix, { after });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next;
  }
  return keys;
}
