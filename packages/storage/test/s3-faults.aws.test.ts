/** What the S3 adapter makes of a store and a network that misbehave. */
import { randomUUID } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import {
  type Fault,
  type FaultyProxy,
  type ProxiedRequest,
  s3Fault,
  startFaultyProxy,
} from '../../../.ci/aws/faulty-proxy.ts';
import { openS3Store, probeConditionalWrites } from '../src/index.ts';
import { makeS3Client } from '../src/s3/client.ts';
import type { S3Store } from '../src/s3/s3-store.ts';
import { openTestS3 } from './open-s3.ts';

const endpoint = inject('awsEndpoint');
const bucket = `faults-${randomUUID()}`;
const bytes = (text: string) => new TextEncoder().encode(text);

const credentials = { accessKeyId: 'test', secretAccessKey: 'testtest' };

let proxy: FaultyProxy;
let store: S3Store;
/** The same objects, seen past the proxy. */
let truth: S3Store;

beforeAll(async () => {
  proxy = await startFaultyProxy(endpoint);
  const client = makeS3Client({ endpoint, client: { credentials } });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
});
afterAll(() => proxy.stop());
beforeEach(() => {
  proxy.decide = () => undefined;
  const url = `s3://${bucket}/${randomUUID()}`;
  store = openTestS3({ url, endpoint: proxy.endpoint }, { attempts: 3, idleTimeout: 400, sleep: async () => {} });
  truth = openTestS3({ url, endpoint });
});

/** Answers the first `count` requests of a kind with a fault. */
function failFirst(count: number, fault: Fault, matches: (request: ProxiedRequest) => boolean): void {
  let left = count;
  proxy.decide = (request) => {
    if (left === 0 || !matches(request)) return undefined;
    left -= 1;
    return fault;
  };
}
const isPut = ({ method }: ProxiedRequest) => method === 'PUT';
const isGet = ({ method }: ProxiedRequest) => method === 'GET';

describe('a write whose answer was lost', () => {
  it('is known as its own when it created', async () => {
    failFirst(1, { kind: 'drop-after' }, isPut);
    expect(await store.put('k', bytes('mine'), { ifNoneMatch: '*' })).toEqual({
      written: true,
      etag: (await truth.head('k'))?.etag,
    });
  });

  it('is known as its own when it replaced', async () => {
    const first = await truth.put('k', bytes('one'));
    if (!first.written) throw new Error('not written');
    failFirst(1, { kind: 'drop-after' }, isPut);
    const second = await store.put('k', bytes('two'), { ifMatch: first.etag });
    expect(second).toEqual({ written: true, etag: (await truth.head('k'))?.etag });
    // The new ETag is good for the next move.
    expect((await store.put('k', bytes('three'), { ifMatch: second.written ? second.etag : '' })).written).toBe(true);
  });

  it('is known as its own when every answer is lost', async () => {
    failFirst(3, { kind: 'drop-after' }, isPut);
    expect((await store.put('k', bytes('mine'), { ifNoneMatch: '*' })).written).toBe(true);
  });

  it('is known as its own when it went up in parts', async () => {
    const large = new Uint8Array(6 * 1024 * 1024).fill(7);
    const parts = openTestS3(
      { url: truth.location, endpoint: proxy.endpoint },
      { attempts: 3, multipartFrom: 5 * 1024 * 1024 },
    );
    const completes = ({ method, url }: ProxiedRequest) => method === 'POST' && url.includes('uploadId');
    failFirst(1, { kind: 'drop-after' }, completes);
    expect((await parts.put('k', large, { ifNoneMatch: '*' })).written).toBe(true);
    expect((await truth.head('k'))?.size).toBe(large.length);
    expect(await parts.put('k', large, { ifNoneMatch: '*' }), 'the next writer loses').toEqual({ written: false });
  });

  it("is not taken for one's own when somebody else was first", async () => {
    await truth.put('k', bytes('theirs'));
    failFirst(1, s3Fault(500, 'InternalError'), isPut);
    expect(await store.put('k', bytes('mine'), { ifNoneMatch: '*' })).toEqual({ written: false });
    expect(new TextDecoder().decode((await truth.get('k'))?.body)).toBe('theirs');
  });

  it('deleted what it had seen', async () => {
    const put = await truth.put('k', bytes('one'));
    failFirst(1, { kind: 'drop-after' }, ({ method }) => method === 'DELETE');
    expect(await store.delete('k', { ifMatch: put.written ? put.etag : '' })).toBe(true);
    expect(await truth.head('k')).toBeUndefined();
  });
});

describe('faults that pass', () => {
  const passing: readonly [string, Fault][] = [
    ['500', s3Fault(500, 'InternalError')],
    ['503 SlowDown', s3Fault(503, 'SlowDown')],
    ['a dropped connection', { kind: 'drop-before' }],
    ['a server that hangs', { kind: 'hang' }],
  ];
  it.each(passing)('%s', async (_name, fault) => {
    failFirst(2, fault, () => true);
    expect((await store.put('k', bytes('x'), { ifNoneMatch: '*' })).written).toBe(true);
    failFirst(2, fault, isGet);
    expect((await store.get('k'))?.size).toBe(1);
    failFirst(2, fault, isGet);
    expect((await store.list('')).objects).toHaveLength(1);
  });

  it('409 on a conditional write', async () => {
    failFirst(2, s3Fault(409, 'ConditionalRequestConflict'), isPut);
    const created = await store.put('k', bytes('one'), { ifNoneMatch: '*' });
    failFirst(2, s3Fault(409, 'ConditionalRequestConflict'), isPut);
    expect((await store.put('k', bytes('two'), { ifMatch: created.written ? created.etag : '' })).written).toBe(true);
  });

  it('a body that breaks off', async () => {
    await truth.put('k', new Uint8Array(100_000).fill(3));
    failFirst(2, { kind: 'truncate' }, isGet);
    expect((await store.get('k'))?.body).toEqual(new Uint8Array(100_000).fill(3));
  });
});

describe('faults that stay', () => {
  const staying: readonly [string, Fault, string][] = [
    ['403', s3Fault(403, 'AccessDenied'), 'STORE_DENIED'],
    ['507', s3Fault(507, 'InsufficientStorage'), 'STORE_FULL'],
    ['a quota', s3Fault(403, 'QuotaExceeded'), 'STORE_FULL'],
    ['503 SlowDown', s3Fault(503, 'SlowDown'), 'STORE_BUSY'],
    ['500', s3Fault(500, 'InternalError'), 'STORE_IO'],
    ['dropped connections', { kind: 'drop-before' }, 'STORE_UNAVAILABLE'],
    ['endless conflicts', s3Fault(409, 'ConditionalRequestConflict'), 'STORE_BUSY'],
  ];
  it.each(staying)('%s', async (_name, fault, code) => {
    proxy.decide = () => fault;
    const wanted = { name: 'RetryableError', code };
    await expect(store.put('k', bytes('x'), { ifNoneMatch: '*' })).rejects.toMatchObject(wanted);
    if (code === 'STORE_BUSY' && fault.kind === 'answer' && fault.status === 409) return;
    await expect(store.get('k')).rejects.toMatchObject(wanted);
    await expect(store.list('')).rejects.toMatchObject(wanted);
    // And it heals.
    proxy.decide = () => undefined;
    expect((await store.put('k', bytes('x'), { ifNoneMatch: '*' })).written).toBe(true);
  });
});

it('refuses a store that ignores conditions', async () => {
  proxy.decide = () => ({ kind: 'strip', headers: ['if-none-match', 'if-match'] });
  await expect(probeConditionalWrites(store)).rejects.toMatchObject({
    name: 'TerminalError',
    code: 'STORE_NOT_CONDITIONAL',
    message: expect.stringMatching(/8 created the object.*ETag that never was.*8 replaced.*missing object/),
  });
  expect((await truth.list('')).objects, 'and cleans up').toEqual([]);
});

it('asks for the proof where jobs are claimed, and for nothing where not', async () => {
  const open = (prove: boolean) =>
    openS3Store(`s3://${bucket}/probe-${randomUUID()}`, { endpoint: proxy.endpoint, client: { credentials }, prove });
  const before = proxy.seen.length;
  await open(false);
  expect(proxy.seen.length).toBe(before);
  await open(true);
  expect(proxy.seen.length).toBeGreaterThan(before);
});

it('refuses a store that checks creation only', async () => {
  proxy.decide = () => ({ kind: 'strip', headers: ['if-match'] });
  await expect(probeConditionalWrites(store)).rejects.toMatchObject({ code: 'STORE_NOT_CONDITIONAL' });
});
