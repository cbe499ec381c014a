/** One worker for both lanes, over the wire: what it asks, and what is left of a job when it goes in the middle. */
import { openSqsQueue } from '@espalier/queue';
import { cancelKey, jobKey, resultKey } from '@espalier/storage';
import { afterEach, describe, expect, it } from 'vitest';
import { awsAdmin } from '../../../../.ci/aws/admin.ts';
import { type FaultyProxy, type ProxiedRequest, startFaultyProxy } from '../../../../.ci/aws/faulty-proxy.ts';
import { client, ended, endpoint, expectWhole, fleet, LIGHT, options, records, store, submit } from './place.ts';

const QUICK = { steps: 2, stepMs: 0, saveEvery: 100 };
/** A finish that nobody waits for. */
const ENDLESS = { ...LIGHT, surfaceMs: 600_000 };

describe('requests for a new job', () => {
  let proxy: FaultyProxy;
  afterEach(() => proxy.stop());

  /** What a worker asks for until as many jobs are at their end as were submitted. */
  async function requestsFor(announce: () => Promise<unknown>, jobs = 1): Promise<string[]> {
    proxy = await startFaultyProxy(endpoint);
    const target = (url: string) => url.replace(endpoint, proxy.endpoint);
    const { ready } = fleet.start({
      endpoint: proxy.endpoint,
      generate: target(options.generate),
      finish: target(options.finish),
      width: 1,
      leaseSeconds: 60,
      sweepSeconds: 0,
      beatSeconds: 600,
      light: QUICK,
    });
    await ready;
    // S3's test event came when the bucket was told to announce.
    await expect.poll(() => proxy.seen.map(nameOf)).toContain('DeleteMessage');
    const before = proxy.seen.length;
    await announce();
    await expect.poll(ended).toBe(jobs);
    // The last request of a job takes its message off the queue.
    const seen = () => proxy.seen.slice(before).map(nameOf);
    await expect.poll(() => seen().filter((name) => name === 'DeleteMessage')).toHaveLength(jobs);
    // Polls that bring nothing are no job's.
    return seen().filter((name) => name !== 'ReceiveMessage');
  }

  const COMPUTED = [
    'PUT status',
    ...['condition', 'structure', 'latent', 'decode', 'surface', 'texture', 'export'].map(
      (stage) => `PUT checkpoints/${stage}`,
    ),
    'PUT results',
    'PUT results',
    'PUT status',
    'DeleteMessage',
  ];

  it('that lies in the bucket: 12 to S3', async () => {
    const body = new TextEncoder().encode('{"prompt":"a chest"}');
    expect(await requestsFor(() => store.put(jobKey('a'), body))).toEqual(['GET jobs', ...COMPUTED]);
  });

  it('that came in a message: 12 to S3', async () => {
    // The bucket tells somebody else of what is written there.
    const admin = awsAdmin(endpoint);
    const bucket = options.store.slice('s3://'.length);
    const other = await admin.createQueue(`${bucket}-other`);
    await admin.notify(bucket, { queue: other.arn }, 'jobs/');
    const queue = await openSqsQueue(options.generate, { endpoint, client });
    expect(await requestsFor(() => queue.send('{"prompt":"a chest"}'))).toEqual(['PUT jobs', ...COMPUTED]);
  });

  it('that names its seed: what may be there is asked for', async () => {
    const body = new TextEncoder().encode('{"prompt":"a chest","seed":1}');
    const asked = ['export', 'decode', 'condition'].map((stage) => `GET checkpoints/${stage}`);
    expect(await requestsFor(() => store.put(jobKey('a'), body))).toEqual([
      'GET jobs',
      COMPUTED[0],
      ...asked,
      ...COMPUTED.slice(1),
    ]);
  });
});

/** `PUT checkpoints/decode`, `GET jobs`, `DeleteMessage`. */
function nameOf({ method, url, headers }: ProxiedRequest): string {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') return target.split('.').at(-1) ?? '';
  const [, , folder, stage] = url.split('?')[0]?.split('/') ?? [];
  return folder === 'checkpoints' ? `${method} ${folder}/${stage}` : `${method} ${folder}`;
}

describe('a worker that finishes a job itself', () => {
  const stagesOf = (worker: number) =>
    fleet.said.flatMap(({ worker: by, line }) => (by === worker && line.type === 'stage' ? [line.stage] : []));

  /** A job whose mesh is made, and which the only worker finishes for ever. */
  async function inTheMiddle() {
    const doomed = fleet.start({ light: ENDLESS });
    await doomed.ready;
    const ids = await submit(1);
    await expect.poll(() => stagesOf(1)).toContain('surface');
    return { ids, doomed };
  }

  /** Another worker goes on from the mesh. */
  async function isFinishedElsewhere(ids: readonly string[]): Promise<void> {
    fleet.start();
    await expect.poll(ended).toBe(ids.length);
    await fleet.end('SIGTERM');
    expect(stagesOf(2)).toEqual(['surface', 'texture', 'export']);
    await expectWhole(ids);
  }

  it('loses nothing by dying between the mesh and the asset', async () => {
    const { ids, doomed } = await inTheMiddle();
    doomed.child.kill('SIGKILL');
    const [record] = await records();
    expect(record).toMatchObject({ state: 'running', attempt: 1 });
    await isFinishedElsewhere(ids);
    const [after] = await records();
    expect(after?.attempt).toBeGreaterThan(1);
  });

  it('hands it back when it is told to go', async () => {
    const { ids, doomed } = await inTheMiddle();
    await fleet.end('SIGTERM');
    expect(doomed.child.exitCode).toBe(0);
    const [record] = await records();
    expect(record).toMatchObject({ state: 'queued', attempt: 1, crashes: 0 });
    expect(record?.events.at(-1)?.note).toBe('handed back');
    await isFinishedElsewhere(ids);
  });

  it('stops at a cancel marker', async () => {
    await inTheMiddle();
    await store.put(cancelKey('job-0'), new Uint8Array());
    await expect.poll(ended).toBe(1);
    const [record] = await records();
    expect(record).toMatchObject({ state: 'cancelled', attempt: 1 });
    expect(await store.head(resultKey('job-0', 'model.glb'))).toBeUndefined();
    await expect.poll(() => store.head(cancelKey('job-0'))).toBeUndefined();
  });

  it('hands the next job over by the queue while its finish lane is full', async () => {
    const busy = fleet.start({ light: ENDLESS, width: 1 });
    await busy.ready;
    const ids = await submit(2);
    await expect
      .poll(async () => (await records()).flatMap(({ events }) => events.map(({ note }) => note)))
      .toContain('handed to the finish lane');
    // Neither waits for the other: the second worker finishes what the first has no room for.
    fleet.start();
    await expect.poll(ended).toBe(1);
    busy.child.kill('SIGKILL');
    await expect.poll(ended).toBe(2);
    await fleet.end('SIGTERM');
    await expectWhole(ids);
  });
});
