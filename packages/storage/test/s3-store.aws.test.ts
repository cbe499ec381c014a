import { randomUUID } from 'node:crypto';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { beforeAll, expect, inject, it } from 'vitest';
import { probeConditionalWrites } from '../src/index.ts';
import { makeS3Client } from '../src/s3/client.ts';
import { describeObjectStore } from './conformance.ts';
import { openTestS3 } from './open-s3.ts';

const endpoint = inject('awsEndpoint');
const bucket = `conformance-${randomUUID()}`;

beforeAll(async () => {
  const client = makeS3Client({
    endpoint,
    client: { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } },
  });
  await client.send(new CreateBucketCommand({ Bucket: bucket }));
  client.destroy();
});

const freshUrl = () => `s3://${bucket}/${randomUUID()}`;

describeObjectStore('s3', async () => {
  const url = freshUrl();
  const store = openTestS3({ url, endpoint });
  return {
    store,
    remote: { module: new URL('./open-s3.ts', import.meta.url).href, argument: JSON.stringify({ url, endpoint }) },
    dispose: async () => store.close(),
  };
});

it('passes the probe for conditional writes and leaves nothing behind', async () => {
  const store = openTestS3({ url: freshUrl(), endpoint });
  await probeConditionalWrites(store);
  expect((await store.list('')).objects).toEqual([]);
});

it('signs links that anybody can follow', async () => {
  const store = openTestS3({ url: freshUrl(), endpoint });
  await store.put('results/a b+c/model.glb', new TextEncoder().encode('glTF'));
  const response = await fetch(await store.signLink('results/a b+c/model.glb', 60));
  expect([response.status, await response.text()]).toEqual([200, 'glTF']);
});

it('says what to do about a bucket that is not there', async () => {
  const store = openTestS3({ url: 's3://no-such-bucket-at-all', endpoint });
  await expect(store.list('')).rejects.toMatchObject({ name: 'RetryableError', code: 'STORE_NO_BUCKET' });
});
