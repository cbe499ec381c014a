/** What must not wear out: memory over many jobs, and the sweep while listings lie. */
import { setTimeout as sleep } from 'node:timers/promises';
import { openSqsQueue } from '@espalier/queue';
import { jobKey, statusKey } from '@espalier/storage';
import { afterEach, describe, expect, it } from 'vitest';
import { type FaultyProxy, startFaultyProxy } from '../../../../.ci/aws/faulty-proxy.ts';
import { client, ended, endpoint, fleet, options, records, store, tell } from './place.ts';

const JOBS = 300;
const FAST = { steps: 2, stepMs: 0, saveEvery: 100 };
const put = (id: string, body: object) => store.put(jobKey(id), new TextEncoder().encode(JSON.stringify(body)));

const MEGABYTE = 2 ** 20;

it.each([
  // The same prompt and seed: one is computed, the others are found and written out. Clients and compiled code still
  // settle, by a few hundred kilobytes; anything kept of a job would be more than this.
  { jobs: 'found', light: FAST, body: () => ({ prompt: 'a chest', seed: 1 }), heapMax: 5000, rssMax: 40 * MEGABYTE },
  // Through both lanes of the process, with seven contents each. Those in hand come and go, by a few thousand bytes a
  // job; one that is kept of each would be twice as much as this.
  {
    jobs: 'computed',
    light: { ...FAST, bytes: 100_000 },
    body: (index: number) => ({ prompt: `chest ${index}` }),
    heapMax: 50_000,
    rssMax: 100 * MEGABYTE,
  },
])(
  `memory is flat over ${JOBS} jobs that are $jobs`,
  async ({ light, body, heapMax, rssMax }) => {
    fleet.start({ width: 4, light });
    for (let index = 0; index < JOBS; index += 1) await put(`job-${index}`, body(index));
    await expect.poll(ended, { timeout: 200_000, interval: 2000 }).toBe(JOBS);
    const samples = fleet.said.flatMap(({ line }) => (line.type === 'memory' ? [line] : []));
    expect(samples.length).toBe(JOBS / 20);
    const late = samples.filter(({ done }) => done > JOBS / 3);
    const heap = slope(late.map(({ done, heap: bytes }) => [done, bytes]));
    const rss = slope(late.map(({ done, rss: bytes }) => [done, bytes]));
    const megabytes = (bytes: number) => (bytes / MEGABYTE).toFixed(1);
    tell(`heap ${late.map((sample) => megabytes(sample.heap)).join(' ')} MB, ${heap.toFixed(0)} bytes a job`);
    tell(`rss ${late.map((sample) => megabytes(sample.rss)).join(' ')} MB, ${rss.toFixed(0)} bytes a job`);
    expect(heap).toBeLessThan(heapMax);
    // The process' own memory goes up and down with collections, by megabytes and what is in hand.
    expect(rss * JOBS).toBeLessThan(rssMax);
  },
  300_000,
);

/** Of the line through the points with the least squares of distances. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(points.map(([at]) => at)), mean(points.map(([, value]) => value))];
  const across = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0);
  return across / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0);
}

describe('listings that are older than the truth', () => {
  let proxy: FaultyProxy;
  afterEach(() => proxy.stop());

  it('make nothing run twice, and what they do not show yet is found when they do', async () => {
    proxy = await startFaultyProxy(endpoint);
    await put('early', { prompt: 'early', seed: 1 });
    // Its message is lost.
    const queue = await openSqsQueue(options.generate, { endpoint, client });
    const listOf = async (prefix: string) => {
      const [bucket] = options.store.slice('s3://'.length).split('/');
      return (await fetch(`${endpoint}/${bucket}?list-type=2&encoding-type=url&prefix=${prefix}`)).text();
    };
    const before = { jobs: await listOf('jobs/'), status: await listOf('status/') };
    const worker = fleet.start({ light: FAST });
    await expect.poll(ended, { timeout: 60_000 }).toBe(1);
    worker.child.kill('SIGKILL');
    await put('late', { prompt: 'late', seed: 2 });
    for (const message of await queue.receive({ max: 10, waitSeconds: 5 })) await message.delete();
    expect(await queue.depth()).toBe(0);
    let stale = 0;
    proxy.decide = ({ method, url }) => {
      const prefix = /[?&]prefix=(jobs|status)(?:%2F|\/)/.exec(url)?.[1];
      if (method !== 'GET' || prefix === undefined) return undefined;
      stale += 1;
      return { kind: 'answer', status: 200, type: 'application/xml', body: before[prefix as 'jobs' | 'status'] };
    };
    // Two minutes ahead: what was written a moment ago has rested long enough to be swept up.
    fleet.start({ endpoint: proxy.endpoint, clockOffMs: 120_000, sweepSeconds: 1, light: FAST });
    await expect.poll(() => stale, { timeout: 60_000 }).toBeGreaterThanOrEqual(6);
    await sleep(1000);
    // Its record is there, whatever the listing says.
    expect((await records()).map(({ id, state, attempt }) => ({ id, state, attempt }))).toEqual([
      { id: 'early', state: 'succeeded', attempt: 1 },
    ]);
    expect(await store.head(statusKey('late'))).toBeUndefined();
    proxy.decide = () => undefined;
    await expect.poll(ended, { timeout: 60_000 }).toBe(2);
    expect((await records()).map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
  }, 200_000);
});
