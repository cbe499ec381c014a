import { DeliveryLog, newDelivery, tried } from '@espalier/notifier';
import { MemoryQueue } from '@espalier/queue';
import { jobKey } from '@espalier/storage';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CUBE } from './bucket-worker.ts';
import { type Harness, startHarness } from './harness.ts';
import { readEvents } from './read-events.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(() => harness.close());

describe('GET /jobs', () => {
  it('lists every job once, newest first, page by page', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 7; i += 1) ids.push(await harness.submit(`box ${i}`));
    await harness.worker.run(ids[2] ?? '');
    const seen: string[] = [];
    let query = '?limit=3';
    for (let page = 0; page < 3; page += 1) {
      const { body } = await harness.call('GET', `/jobs${query}`);
      seen.push(...body.jobs.map((job: { id: string }) => job.id));
      query = `?limit=3&after=${encodeURIComponent(body.next)}`;
    }
    expect([...seen].sort()).toEqual([...ids].sort());
    expect(seen[0]).toBe(ids.at(-1));
    expect((await harness.call('GET', '/jobs?state=succeeded')).body.jobs).toMatchObject([
      { id: ids[2], state: 'succeeded' },
    ]);
    expect((await harness.call('GET', '/jobs?after=nonsense')).status).toBe(400);
  });

  it('shows a job that was dropped into the bucket by hand, also one that cannot be read', async () => {
    await harness.store.put(jobKey('dropped'), Buffer.from('{"prompt": "A lamp", "seed": 3}'));
    await harness.store.put(jobKey('broken'), Buffer.from('{'));
    const { jobs } = (await harness.call('GET', '/jobs')).body;
    expect(jobs).toContainEqual(expect.objectContaining({ id: 'dropped', prompt: 'A lamp', seed: 3, state: 'queued' }));
    expect(jobs).toContainEqual(expect.objectContaining({ id: 'broken', state: 'queued' }));
  });
});

describe('GET /jobs/{id}', () => {
  it('shows stages, steps, seconds and links', async () => {
    const id = await harness.submit();
    await harness.worker.claim(id);
    await harness.worker.stage(id, 'condition');
    await harness.worker.stage(id, 'structure', 10, 25);
    const running = (await harness.call('GET', `/jobs/${id}`)).body;
    expect(running.stages.slice(0, 3)).toEqual([
      { name: 'condition', state: 'done', seconds: expect.any(Number) },
      { name: 'structure', state: 'running', step: 10, steps: 25, seconds: expect.any(Number) },
      { name: 'latent', state: 'pending' },
    ]);
    expect(Object.keys(running.links).sort()).toEqual(['cancel', 'events', 'self']);
    await harness.worker.succeed(id);
    const done = (await harness.call('GET', `/jobs/${id}`)).body;
    expect(done.stages[3]).toEqual({ name: 'decode', state: 'cached', seconds: 0.7 });
    expect(done.stats.tokens.used).toBe(7);
    expect(Object.keys(done.links).sort()).toEqual(['events', 'model', 'refinish', 'self', 'stats']);
    for (const name of ['self', 'model', 'stats'])
      expect((await harness.call('GET', done.links[name])).status).toBe(200);
  });
});

describe('GET /jobs/{id}/events', () => {
  it('sends the job at once, every change, and the end', async () => {
    const id = await harness.submit();
    const events = readEvents(`${harness.base}/jobs/${id}/events`);
    const next = async () => (await events.next()).value;
    expect((await next())?.data.state).toBe('queued');
    await harness.worker.claim(id);
    expect((await next())?.data.state).toBe('running');
    await harness.worker.stage(id, 'structure', 1, 25);
    expect((await next())?.data).toMatchObject({ stage: 'structure', step: 1 });
    await harness.worker.succeed(id);
    const last = await next();
    expect(last?.data).toMatchObject({ state: 'succeeded', stats: { face_count: 12 } });
    expect((await next())?.event).toBe('end');
    expect((await events.next()).done).toBe(true);
    // A browser comes back by itself: no content tells it to stay away.
    const again = await fetch(`${harness.base}/jobs/${id}/events`, { headers: { 'last-event-id': last?.id ?? '' } });
    expect(again.status).toBe(204);
  });

  it('ends without an end event when the server stops, so that clients come back', async () => {
    const id = await harness.submit();
    const events = readEvents(`${harness.base}/jobs/${id}/events`);
    await events.next();
    await harness.gateway.close();
    expect((await events.next()).done).toBe(true);
  });

  it('refuses more streams than it was told to hold', async () => {
    await harness.close();
    harness = await startHarness({ limits: { eventStreams: 1 } });
    const id = await harness.submit();
    const events = readEvents(`${harness.base}/jobs/${id}/events`);
    await events.next();
    expect((await harness.call('GET', `/jobs/${id}/events`)).body.code).toBe('TOO_MANY_STREAMS');
  });
});

describe('GET /jobs/{id}/model.glb', () => {
  it('serves the file with ETag, ranges and 304', async () => {
    const id = await harness.submit();
    expect((await harness.call('GET', `/jobs/${id}/model.glb`)).status).toBe(404);
    await harness.worker.run(id);
    const get = (headers: Record<string, string> = {}) => fetch(`${harness.base}/jobs/${id}/model.glb`, { headers });
    const whole = await get();
    expect(whole.headers.get('content-type')).toBe('model/gltf-binary');
    expect(whole.headers.get('accept-ranges')).toBe('bytes');
    const bytes = Buffer.from(await whole.arrayBuffer());
    expect(bytes.equals(Buffer.from(CUBE))).toBe(true);
    const etag = whole.headers.get('etag') ?? '';
    expect((await get({ 'if-none-match': etag })).status).toBe(304);
    const part = await get({ range: 'bytes=4-7' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, `bytes 4-7/${CUBE.byteLength}`]);
    expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(4, 8))).toBe(true);
    const tail = await get({ range: 'bytes=-10' });
    expect(Buffer.from(await tail.arrayBuffer()).equals(bytes.subarray(-10))).toBe(true);
    expect((await get({ range: `bytes=${CUBE.byteLength}-` })).status).toBe(416);
    expect((await get({ range: 'bytes=0-3', 'if-range': '"another"' })).status).toBe(200);
    const head = await fetch(`${harness.base}/jobs/${id}/model.glb`, { method: 'HEAD' });
    expect(head.headers.get('content-length')).toBe(String(CUBE.byteLength));
  });
});

describe('paths and methods', () => {
  it('say which of the two is wrong', async () => {
    const wrong = await harness.call('DELETE', '/jobs/x?y=1');
    expect([wrong.status, wrong.headers.get('allow'), wrong.body.code]).toEqual([
      405,
      'GET, HEAD',
      'METHOD_NOT_ALLOWED',
    ]);
    expect((await harness.call('PUT', '/v2/ep/run', {})).headers.get('allow')).toBe('POST');
    expect((await harness.call('DELETE', '/jobs/x/refinish')).headers.get('allow')).toBe('POST');
    expect((await harness.call('DELETE', '/nowhere')).status).toBe(404);
  });
});

describe('GET /jobs/{id}/deliveries', () => {
  it("shows what became of telling the job's webhook, without its body", async () => {
    const { body } = await harness.call('POST', '/run', {
      input: { prompt: 'box' },
      webhook: 'https://example.com/hook',
    });
    const { links } = (await harness.call('GET', `/jobs/${body.id}`)).body;
    expect((await harness.call('GET', links.deliveries)).body).toEqual({ deliveries: [] });
    const parts = {
      webhook_id: 'msg_1',
      job: body.id,
      url: 'https://example.com/hook',
      type: 'job.completed',
      format: 'runpod',
      body: '{}',
    } as const;
    const result = { kind: 'failed', status: 503, error: 'busy' } as const;
    const moment = { began: 1000, ended: 1250, random: 0 };
    await new DeliveryLog(harness.store).write(tried(newDelivery(parts, 0), result, moment), undefined);
    const { deliveries } = (await harness.call('GET', links.deliveries)).body;
    expect(deliveries).toMatchObject([
      { webhook_id: 'msg_1', state: 'pending', failures: 1, tries: [{ status: 503, seconds: 0.25 }] },
    ]);
    expect(deliveries[0].body).toBeUndefined();
    expect((await harness.call('POST', `${links.deliveries}/replay`)).body.code).toBe('NO_NOTIFIER');
  });

  it('lets them be told again where there is a notifier to ask', async () => {
    await harness.close();
    const queue = new MemoryQueue();
    harness = await startHarness({ notifications: queue });
    const { body } = await harness.call('POST', '/run', { input: { prompt: 'box' }, webhook: 'https://example.com/' });
    const parts = { webhook_id: 'msg_1', job: body.id, url: 'https://example.com/', body: '{}' };
    const delivery = newDelivery({ ...parts, type: 'job.completed', format: 'runpod' }, 0);
    await new DeliveryLog(harness.store).write({ ...delivery, state: 'exhausted', failures: 10 }, undefined);
    const { links } = (await harness.call('GET', `/jobs/${body.id}/deliveries`)).body;
    expect(await harness.call('POST', links.replay)).toMatchObject({ status: 202, body: { replayed: 1 } });
    const { deliveries } = (await harness.call('GET', `/jobs/${body.id}/deliveries`)).body;
    expect(deliveries).toMatchObject([{ webhook_id: 'msg_1', state: 'pending', failures: 0, replays: 1 }]);
    expect(await queue.depth()).toBe(1);
  });
});

describe('POST /jobs/{id}/refinish', () => {
  it('makes other files of the same asset, keeps a count of faces or goes back to a share', async () => {
    const id = await harness.submit();
    await harness.worker.run(id);
    const stored = async (change: object, from = id) => {
      const { body } = await harness.call('POST', `/jobs/${from}/refinish`, change);
      const object = await harness.store.get(jobKey(body.id));
      return { id: body.id, job: JSON.parse(Buffer.from(object?.body ?? []).toString()) };
    };
    const files = await stored({ outputs: ['stl', 'ply'] });
    expect(files.job.outputs).toEqual(['glb', 'ply', 'stl']);
    expect((await harness.call('POST', `/jobs/${id}/refinish`, { outputs: ['glb'] })).body.code).toBe(
      'NOTHING_CHANGED',
    );
    const counted = await stored({ target_faces: 500 });
    expect(counted.job.target_faces).toBe(500);
    expect(counted.id).not.toBe(files.id);
    await harness.worker.run(counted.id);
    expect((await stored({ simplify: 0.5 }, counted.id)).job.target_faces).toBeUndefined();
    expect((await stored({ texture_size: 512 }, counted.id)).job.target_faces).toBe(500);
  });

  it('submits the same asset with another finish, once', async () => {
    const id = await harness.submit();
    expect((await harness.call('POST', `/jobs/${id}/refinish`, { texture_size: 2048 })).body.code).toBe(
      'NOT_REFINISHABLE',
    );
    await harness.worker.run(id);
    const { seed } = (await harness.call('GET', `/jobs/${id}`)).body;
    const first = await harness.call('POST', `/jobs/${id}/refinish`, { texture_size: 2048, simplify: 0.5 });
    const again = await harness.call('POST', `/jobs/${id}/refinish`, { texture_size: 2048, simplify: 0.5 });
    expect([first.status, first.body.created, again.body.created]).toEqual([202, true, false]);
    expect(again.body.id).toBe(first.body.id);
    expect((await harness.call('GET', first.body.links.self)).body).toMatchObject({
      prompt: 'A wooden treasure chest',
      seed,
      texture_size: 2048,
      simplify: 0.5,
      links: { from: `/jobs/${id}` },
    });
    // A cancelled one is no answer to the next who asks.
    await harness.call('POST', `/cancel/${first.body.id}`);
    const third = await harness.call('POST', `/jobs/${id}/refinish`, { texture_size: 2048, simplify: 0.5 });
    expect(third.body.created).toBe(true);
    expect(third.body.id).not.toBe(first.body.id);
  });

  it.each([
    [{}, 409],
    [{ texture_size: 1024 }, 409],
    [{ texture_size: 1 }, 400],
    [{ prompt: 'no' }, 400],
  ])('refuses %j', async (change, status) => {
    const id = await harness.submit();
    await harness.worker.run(id);
    expect((await harness.call('POST', `/jobs/${id}/refinish`, change)).status).toBe(status);
  });
});
