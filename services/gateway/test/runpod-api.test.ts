import { cancelKey, jobKey } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CUBE } from './bucket-worker.ts';
import { type Harness, startHarness } from './harness.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(() => harness.close());

describe('POST /run', () => {
  it("takes the seed's own curl body and writes a job object", async () => {
    const { status, body } = await harness.call('POST', '/run', { input: { prompt: 'A small wooden box' } });
    expect(status).toBe(200);
    expect(body).toEqual({ id: expect.stringMatching(/^a-small-wooden-box-[0-9a-f]{10}$/), status: 'IN_QUEUE' });
    const stored = await harness.store.get(jobKey(body.id));
    const job = JSON.parse(Buffer.from(stored?.body ?? []).toString());
    expect(job.input).toEqual({
      prompt: 'A small wooden box',
      seed: expect.any(Number),
      simplify: 0.95,
      texture_size: 1024,
    });
  });

  it.each([
    [{ input: {} }, "Missing required 'prompt' parameter", 'PROMPT_MISSING'],
    [{ input: { prompt: 7 } }, "'prompt' must be a string", 'PROMPT_NOT_STRING'],
    [{ input: { prompt: 'x'.repeat(1001) } }, "'prompt' exceeds maximum length of 1000 characters", 'PROMPT_TOO_LONG'],
    [{ input: { prompt: 'box', seed: 'a' } }, "'seed' must be an integer", 'SEED_NOT_INTEGER'],
    [{ input: { prompt: 'box', simplify: 2 } }, "'simplify' must be between 0.0 and 1.0", 'SIMPLIFY_OUT_OF_RANGE'],
    [
      { input: { prompt: 'box', texture_size: 64 } },
      "'texture_size' must be between 128 and 4096",
      'TEXTURE_SIZE_OUT_OF_RANGE',
    ],
    [
      { input: { prompt: 'box' }, policy: { ttl: 5 } },
      expect.stringContaining("'policy.ttl' is not valid"),
      'POLICY_INVALID',
    ],
    [{ input: { prompt: 'box' }, s3Config: {} }, expect.stringContaining("'s3Config'"), 'S3CONFIG_UNSUPPORTED'],
    [{ input: { prompt: 'box' }, nonsense: 1 }, "Unknown parameter 'nonsense'", 'UNKNOWN_KEYS'],
  ])('refuses %j with the published message and writes nothing', async (request, error, code) => {
    const { status, body } = await harness.call('POST', '/run', request);
    expect(status).toBe(400);
    expect(body).toMatchObject({ error, code, request_id: expect.any(String) });
    expect((await harness.store.list('jobs/')).objects).toEqual([]);
  });

  it.each([
    ['{', 400, 'BODY_NOT_JSON'],
    ['', 400, 'BODY_EMPTY'],
    [`{"input":${'['.repeat(40)}${']'.repeat(40)}}`, 400, 'BODY_TOO_DEEP'],
    [JSON.stringify({ input: { prompt: 'x'.repeat(300_000) } }), 413, 'BODY_TOO_LARGE'],
  ])('refuses a broken body', async (body, status, code) => {
    const answer = await harness.call('POST', '/run', body);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
  });

  it('reads JSON only', async () => {
    const answer = await harness.call('POST', '/run', 'input=box', {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(answer.status).toBe(415);
    expect(answer.body.remedy).toContain('application/json');
  });

  it('gives the same job for the same Idempotency-Key, and another for another', async () => {
    const send = (key: string, prompt = 'box') =>
      harness.call('POST', '/run', { input: { prompt } }, { 'idempotency-key': key });
    const answers = await Promise.all(Array.from({ length: 10 }, () => send('k1')));
    expect(new Set(answers.map(({ body }) => body.id)).size).toBe(1);
    expect(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true')).toHaveLength(9);
    expect((await send('k2')).body.id).not.toBe(answers[0]?.body.id);
    expect((await harness.store.list('jobs/')).objects).toHaveLength(2);
    const mismatch = await send('k1', 'another box');
    expect(mismatch.status).toBe(409);
    expect(mismatch.body.code).toBe('IDEMPOTENCY_MISMATCH');
  });

  it("gives the same job for the caller's own id, and refuses another job under it", async () => {
    const first = await harness.call('POST', '/run', { id: 'mine', input: { prompt: 'box' } });
    const again = await harness.call('POST', '/run', { id: 'mine', input: { prompt: 'box' } });
    const other = await harness.call('POST', '/run', { id: 'mine', input: { prompt: 'crate' } });
    expect([first.body.id, again.body.id, again.status]).toEqual(['mine', 'mine', 200]);
    expect([other.status, other.body.code]).toEqual([409, 'ID_TAKEN']);
  });

  it('announces each new job, and a failing queue loses nothing', async () => {
    await harness.close();
    const announced: string[] = [];
    harness = await startHarness({
      announce: async (id) => {
        announced.push(id);
        throw new Error('queue is away');
      },
    });
    const id = await harness.submit();
    expect(announced).toEqual([id]);
    expect(await harness.store.head(jobKey(id))).toBeDefined();
  });

  it('carries policy and webhook into the job', async () => {
    const { body } = await harness.call('POST', '/run', {
      input: { prompt: 'box' },
      webhookV2: 'https://example.com/hook',
      policy: { executionTimeout: 60_000, ttl: 3_600_000, lowPriority: true },
    });
    const stored = await harness.store.get(jobKey(body.id));
    expect(JSON.parse(Buffer.from(stored?.body ?? []).toString())).toMatchObject({
      webhook: 'https://example.com/hook',
      webhook_format: 'runpod',
      deadline_seconds: 60,
      tags: { 'runpod.ttl_ms': '3600000' },
    });
  });
});

describe('POST /run with from', () => {
  const job = async (id: string) =>
    JSON.parse(Buffer.from((await harness.store.get(jobKey(id)))?.body ?? []).toString());

  it('becomes the other job with its own finish, and names it', async () => {
    const first = await harness.call('POST', '/run', {
      input: { prompt: 'box', texture_size: 512 },
      sampler: { latent: { steps: 9 } },
    });
    const request = { id: 'second', from: first.body.id, input: { texture_size: 2048 }, tags: { mine: 'yes' } };
    const early = await harness.call('POST', '/run', request);
    expect([early.status, early.body.code]).toEqual([409, 'FROM_NOT_READY']);
    await harness.worker.claim(first.body.id);
    const { seed } = (await job(first.body.id)).input;
    expect(await harness.call('POST', '/run', request)).toMatchObject({ status: 200, body: { id: 'second' } });
    expect(await job('second')).toMatchObject({
      input: { prompt: 'box', seed, simplify: 0.95, texture_size: 2048 },
      sampler: { latent: { steps: 9 } },
      tags: { mine: 'yes' },
    });
    const again = await harness.call('POST', '/v2/any/run', request);
    expect([again.body.id, again.headers.get('idempotent-replayed')]).toEqual(['second', 'true']);
    const { links } = (await harness.call('GET', '/jobs/second')).body;
    expect(links.from).toBe(`/jobs/${first.body.id}`);
  });

  it.each([
    [{ from: 'nobody', input: { texture_size: 256 } }, 404, 'FROM_NOT_FOUND'],
    [{ from: 7 }, 400, 'FROM_INVALID'],
    [{ from: 'nobody', input: { prompt: 'a box' } }, 400, 'FROM_INVALID'],
  ])('refuses %j', async (request, expected, code) => {
    const { status, body } = await harness.call('POST', '/run', request);
    expect([status, body.code]).toEqual([expected, code]);
    expect((await harness.store.list('jobs/')).objects).toEqual([]);
  });

  it('reads one that was put into the bucket unresolved as what it stands for', async () => {
    const first = await harness.submit('box');
    await harness.store.put(jobKey('dropped'), Buffer.from(JSON.stringify({ from: first, texture_size: 256 })));
    expect((await harness.call('GET', '/jobs/dropped')).body.prompt).toBeUndefined();
    await harness.worker.claim(first);
    const shown = { prompt: 'box', texture_size: 256, links: { from: `/jobs/${first}` } };
    expect((await harness.call('GET', '/jobs/dropped')).body).toMatchObject(shown);
    const { jobs } = (await harness.call('GET', '/jobs')).body as { jobs: { id: string }[] };
    expect(jobs.find(({ id }) => id === 'dropped')).toMatchObject(shown);
  });
});

describe('GET /status', () => {
  it('follows a job from the queue to its output, with and without /v2/{endpoint}', async () => {
    const id = await harness.submit();
    expect((await harness.call('GET', `/status/${id}`)).body).toMatchObject({ id, status: 'IN_QUEUE' });
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'structure', 5, 25);
    expect((await harness.call('GET', `/v2/any/status/${id}`)).body).toMatchObject({
      status: 'IN_PROGRESS',
      workerId: 'worker-1',
      progress: { stage: 'structure', step: 5, steps: 25 },
    });
    await harness.worker.succeed(id);
    const { body } = await harness.call('GET', `/status/${id}`);
    expect(body).toMatchObject({
      id,
      status: 'COMPLETED',
      delayTime: expect.any(Number),
      executionTime: expect.any(Number),
    });
    expect(body.output).toEqual({
      glb_base64: Buffer.from(CUBE).toString('base64'),
      vertex_count: 24,
      face_count: 12,
      glb_size_bytes: CUBE.byteLength,
      generation_time_seconds: 7.25,
      seed_used: expect.any(Number),
    });
  });

  it('links to a file that is too big for JSON', async () => {
    await harness.close();
    harness = await startHarness({ limits: { inlineBytes: 100 } });
    const id = await harness.submit();
    await harness.worker.run(id);
    const { output } = (await harness.call('GET', `/status/${id}`)).body;
    expect(output.glb_base64).toBeUndefined();
    const file = await fetch(output.glb_url);
    expect(Buffer.from(await file.arrayBuffer()).equals(Buffer.from(CUBE))).toBe(true);
  });

  it('links to it with a signature and an end where the store can sign', async () => {
    await harness.close();
    const asked: [string, number][] = [];
    harness = await startHarness({ limits: { inlineBytes: 100, linkSeconds: 600 } }, (store) =>
      Object.assign(store, {
        signLink: async (key: string, seconds: number) => {
          asked.push([key, seconds]);
          return `https://bucket.example.com/${key}?signature`;
        },
      }),
    );
    const id = await harness.submit();
    await harness.worker.run(id);
    const { output } = (await harness.call('GET', `/status/${id}`)).body;
    expect(output.glb_base64).toBeUndefined();
    expect(output.glb_url).toBe(`https://bucket.example.com/results/${id}/model.glb?signature`);
    expect(Date.parse(output.glb_url_expires_at) - Date.now()).toBeGreaterThan(500_000);
    expect(asked).toEqual([[`results/${id}/model.glb`, 600]]);
  });

  it("says FAILED with the worker's message, and TIMED_OUT when the deadline ended it", async () => {
    const [failed, late] = [await harness.submit(), await harness.submit()];
    await harness.worker.claim(failed);
    await harness.worker.fail(
      failed,
      'OUT_OF_MEMORY',
      'GPU out of memory. Try a simpler prompt or lower texture_size.',
    );
    await harness.worker.claim(late);
    await harness.worker.fail(late, 'DEADLINE_EXCEEDED', 'the deadline has passed');
    expect((await harness.call('GET', `/status/${failed}`)).body).toMatchObject({
      status: 'FAILED',
      error: 'GPU out of memory. Try a simpler prompt or lower texture_size.',
    });
    expect((await harness.call('GET', `/status/${late}`)).body.status).toBe('TIMED_OUT');
  });

  it('knows nothing of unknown and of expired jobs', async () => {
    expect((await harness.call('GET', '/status/nobody')).status).toBe(404);
    await harness.close();
    let now = Date.now();
    harness = await startHarness({ clock: { now: () => now } });
    const { body } = await harness.call('POST', '/run', { input: { prompt: 'box' }, policy: { ttl: 10_000 } });
    expect((await harness.call('GET', `/status/${body.id}`)).status).toBe(200);
    now += 11_000;
    expect((await harness.call('GET', `/status/${body.id}`)).body.code).toBe('JOB_EXPIRED');
  });
});

describe('POST /runsync and GET /status-sync', () => {
  it('wait for the end', async () => {
    const answer = harness.call('POST', '/runsync?wait=60000', { id: 'sync', input: { prompt: 'box' } });
    await expect.poll(() => harness.store.head(jobKey('sync'))).toBeDefined();
    const waiting = harness.call('GET', '/status-sync/sync?wait=60000');
    await harness.worker.run('sync');
    expect((await answer).body).toMatchObject({ id: 'sync', status: 'COMPLETED', output: { face_count: 12 } });
    expect((await waiting).body.status).toBe('COMPLETED');
  });

  it('give the present state when the wait is over or the server stops', async () => {
    const answer = harness.call('POST', '/runsync?wait=60000', { id: 'slow', input: { prompt: 'box' } });
    await expect.poll(() => harness.store.head(jobKey('slow'))).toBeDefined();
    await harness.gateway.close();
    expect((await answer).body).toMatchObject({ id: 'slow', status: 'IN_QUEUE' });
  });

  it('refuse a wait out of range', async () => {
    const { status, body } = await harness.call('POST', '/runsync?wait=5', { input: { prompt: 'box' } });
    expect([status, body.field]).toEqual([400, 'wait']);
  });
});

describe('GET /stream', () => {
  it('gives each piece once, and the output last', async () => {
    const id = await harness.submit();
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'structure', 0, 25);
    const pieces = async () => (await harness.call('GET', `/stream/${id}`)).body;
    expect(await pieces()).toEqual({ id, status: 'IN_PROGRESS', stream: [{ output: { stage: 'structure' } }] });
    await harness.worker.stage(id, 'decode');
    expect((await pieces()).stream).toEqual([{ output: { stage: 'decode' } }]);
    await harness.worker.succeed(id);
    const last = await pieces();
    expect(last.status).toBe('COMPLETED');
    expect(last.stream).toEqual([
      { output: expect.objectContaining({ face_count: 12, glb_url: expect.stringContaining(id) }) },
    ]);
    expect(await pieces()).toEqual({ id, status: 'COMPLETED', stream: [] });
  });
});

describe('POST /cancel, /retry, /purge-queue', () => {
  it('cancels a waiting job at once', async () => {
    const id = await harness.submit();
    expect((await harness.call('POST', `/cancel/${id}`)).body).toEqual({ id, status: 'CANCELLED' });
    expect((await harness.call('GET', `/status/${id}`)).body.status).toBe('CANCELLED');
    expect((await harness.call('GET', `/jobs/${id}`)).body).toMatchObject({
      state: 'cancelled',
      cancel_requested: false,
    });
  });

  it('asks a running job to stop, and leaves an ended one alone', async () => {
    const id = await harness.submit();
    await harness.worker.claim(id);
    // Clients announce JSON and send nothing.
    expect(
      (await harness.call('POST', `/cancel/${id}`, undefined, { 'content-type': 'application/json' })).status,
    ).toBe(200);
    expect((await harness.call('GET', `/jobs/${id}`)).body).toMatchObject({ state: 'running', cancel_requested: true });
    expect(await harness.worker.heed(id)).toBe(true);
    expect((await harness.call('GET', `/status/${id}`)).body.status).toBe('CANCELLED');

    const done = await harness.submit();
    await harness.worker.run(done);
    expect((await harness.call('POST', `/cancel/${done}`)).body.status).toBe('COMPLETED');
    expect(await harness.store.head(cancelKey(done))).toBeUndefined();
  });

  it('retries a failed job under its id with its seed, and no other', async () => {
    const id = await harness.submit();
    expect((await harness.call('POST', `/retry/${id}`)).body.code).toBe('NOT_RETRYABLE');
    await harness.worker.claim(id);
    const seed = (await harness.call('GET', `/jobs/${id}`)).body.seed;
    await harness.worker.fail(id);
    await harness.store.put(cancelKey(id), Buffer.from('{}')); // a request that came too late
    expect((await harness.call('POST', `/retry/${id}`)).body).toEqual({ id, status: 'IN_QUEUE' });
    expect((await harness.call('GET', `/status/${id}`)).body).toMatchObject({ status: 'IN_QUEUE', retries: 1 });
    await harness.worker.run(id);
    const { body } = await harness.call('GET', `/status/${id}`);
    expect(body).toMatchObject({ status: 'COMPLETED', output: { seed_used: seed } });
  });

  it('purges what waits and nothing else', async () => {
    const [running, ...waiting] = await Promise.all(Array.from({ length: 4 }, () => harness.submit()));
    await harness.worker.claim(running ?? '');
    expect((await harness.call('POST', '/purge-queue')).body).toEqual({ removed: 3, status: 'completed' });
    for (const id of waiting) expect((await harness.call('GET', `/status/${id}`)).body.status).toBe('CANCELLED');
    expect((await harness.call('GET', `/status/${running}`)).body.status).toBe('IN_PROGRESS');
  });
});

describe('GET /health', () => {
  it('counts jobs and the workers that hold a lease', async () => {
    const [running, done, failed] = await Promise.all(Array.from({ length: 4 }, () => harness.submit()));
    await harness.worker.claim(running ?? '');
    await harness.worker.run(done ?? '');
    await harness.worker.claim(failed ?? '');
    await harness.worker.fail(failed ?? '');
    expect((await harness.call('GET', '/v2/ep/health')).body).toEqual({
      jobs: { completed: 1, failed: 1, inProgress: 1, inQueue: 1, retried: 0 },
      workers: { idle: 0, initializing: 0, ready: 0, running: 1, throttled: 0, unhealthy: 0 },
    });
  });
});
