/** S3's news as a server sends it, read off a queue: nothing here was written down by hand. */
import { randomUUID } from 'node:crypto';
import { expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { type ParsedMessage, parseMessage } from '../src/index.ts';
import { SqsQueue } from '../src/sqs/sqs-queue.ts';

const endpoint = inject('awsEndpoint');
const admin = awsAdmin(endpoint);
const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
const KEY = 'jobs/red flower+vase (ü) 100%.json';

async function announce(set: (bucket: string, queueArn: string) => Promise<void>): Promise<ParsedMessage[]> {
  const name = `news-${randomUUID()}`;
  const target = await admin.createQueue(name);
  await admin.createBucket(name);
  await set(name, target.arn);
  const path = KEY.split('/').map(encodeURIComponent).join('/');
  const authorization = 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request';
  await fetch(`${endpoint}/${name}/${path}`, { method: 'PUT', body: '{}', headers: { authorization } });
  const queue = new SqsQueue(target.url, { endpoint, client });
  const found: ParsedMessage[] = [];
  for (let turn = 0; turn < 20 && !found.some(({ kind }) => kind === 'objects'); turn += 1) {
    for (const { body } of await queue.receive({ max: 10, waitSeconds: 1 })) found.push(parseMessage(body));
  }
  expect(found.filter(({ kind }) => kind === 'invalid')).toEqual([]);
  expect(found.find(({ kind }) => kind === 'objects')).toMatchObject({
    kind: 'objects',
    objects: [{ bucket: name, key: KEY, size: 2 }],
  });
  return found;
}

it('comes from S3 itself, after its test event', async () => {
  const found = await announce((bucket, queue) => admin.notify(bucket, { queue }));
  expect(found[0]).toEqual({ kind: 'ignored', why: 's3:TestEvent' });
});

it('comes through SNS', async () => {
  await announce(async (bucket, queueArn) => {
    await admin.notify(bucket, { topic: await admin.createTopic(`topic-${bucket}`, queueArn) });
  });
});

it('comes through EventBridge', async () => {
  await announce(async (bucket, queueArn) => {
    await admin.createRule(`rule-${bucket}`, bucket, queueArn);
    await admin.notify(bucket, 'eventbridge');
  });
});
