import { randomUUID } from 'node:crypto';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { type FaultyProxy, sqsFault, startFaultyProxy } from '../../../.ci/aws/faulty-proxy.ts';
import { openSqsQueue, redrive } from '../src/index.ts';
import { makeSqsClient } from '../src/sqs/client.ts';
import { SqsQueue, type SqsQueueOptions } from '../src/sqs/sqs-queue.ts';
import { describeJobQueue } from './conformance.ts';

const endpoint = inject('awsEndpoint');
/** Seconds of real time: several times what a busy machine takes for what is done within it. */
const VISIBILITY = 5;
const MAX_RECEIVES = 3;
const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };

let admin: SQSClient;
beforeAll(() => {
  admin = makeSqsClient(`${endpoint}/0/x`, { endpoint, client });
});

async function createQueue(redriveTo?: string): Promise<{ readonly url: string; readonly arn: string }> {
  const policy = JSON.stringify({ deadLetterTargetArn: redriveTo, maxReceiveCount: MAX_RECEIVES });
  const created = await admin.send(
    new CreateQueueCommand({
      QueueName: `q-${randomUUID()}`,
      ...(redriveTo !== undefined && { Attributes: { RedrivePolicy: policy } }),
    }),
  );
  const QueueUrl = created.QueueUrl ?? '';
  const described = await admin.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }));
  return { url: QueueUrl, arn: described.Attributes?.QueueArn ?? '' };
}

async function openPair(options: SqsQueueOptions = {}) {
  const dead = await createQueue();
  const main = await createQueue(dead.arn);
  const open = (url: string) => new SqsQueue(url, { endpoint, client, visibilitySeconds: VISIBILITY, ...options });
  return { queue: open(main.url), dead: open(dead.url), urls: { main: main.url, dead: dead.url } };
}

const sleep = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000));

describeJobQueue('sqs', async () => {
  const { queue, urls } = await openPair();
  const seen: { body: string; reason?: string }[] = [];
  return {
    queue,
    visibilitySeconds: VISIBILITY,
    maxReceives: MAX_RECEIVES,
    advance: sleep,
    deadLetters: async () => {
      for (let more = true; more; ) {
        const answer = await admin.send(
          new ReceiveMessageCommand({
            QueueUrl: urls.dead,
            MaxNumberOfMessages: 10,
            VisibilityTimeout: 600,
            MessageAttributeNames: ['All'],
          }),
        );
        more = (answer.Messages ?? []).length > 0;
        for (const { Body = '', MessageAttributes } of answer.Messages ?? []) {
          const reason = MessageAttributes?.EspalierReason?.StringValue;
          seen.push(reason === undefined ? { body: Body } : { body: Body, reason });
        }
      }
      return seen;
    },
    dispose: async () => queue.close(),
  };
});

describe('the SQS adapter', () => {
  it('sends dead letters back to work, each once', async () => {
    const { queue, dead } = await openPair();
    for (let i = 0; i < 12; i += 1) await dead.send(`job ${i}`);
    const moved: string[] = [];
    expect(await redrive(dead, queue, { onMoved: (body) => moved.push(body) })).toBe(12);
    expect(new Set(moved).size).toBe(12);
    expect(await dead.depth()).toBe(0);
    expect(await queue.depth()).toBe(12);
    expect(await redrive(dead, queue)).toBe(0);
  });

  it('cuts what an attribute cannot hold out of a reason', async () => {
    const { queue, dead } = await openPair();
    await queue.send('x');
    const [message] = await queue.receive({ max: 1, waitSeconds: 1 });
    await message?.deadLetter(`bad \u0000 ${'r'.repeat(5000)}`);
    expect((await dead.receive({ max: 1, waitSeconds: 1 }))[0]?.body).toBe('x');
  });

  it('says that a queue has no dead letters, and leaves the message where it is', async () => {
    const lone = await createQueue();
    const queue = new SqsQueue(lone.url, { endpoint, client, visibilitySeconds: 1 });
    await queue.send('x');
    const [message] = await queue.receive({ max: 1, waitSeconds: 1 });
    await expect(message?.deadLetter('broken')).rejects.toMatchObject({ code: 'QUEUE_NO_DEAD_LETTERS' });
    expect(await queue.receive({ max: 1, waitSeconds: 20 })).toHaveLength(1);
  });

  it('refuses a URL that names no standard queue, and one whose queue is missing', async () => {
    await expect(openSqsQueue('memory')).rejects.toMatchObject({ code: 'SETTING_INVALID' });
    await expect(openSqsQueue(`${endpoint}/1/x.fifo`)).rejects.toMatchObject({ code: 'SETTING_INVALID' });
    const url = `${endpoint}/123456789012/not-there`;
    await expect(openSqsQueue(url, { client })).rejects.toMatchObject({ code: 'QUEUE_MISSING' });
  });

  it('refuses bodies that SQS cannot carry', async () => {
    const { queue } = await openPair();
    await expect(queue.send('x'.repeat(1024 * 1024 + 1))).rejects.toMatchObject({ code: 'QUEUE_BODY_INVALID' });
  });
});

describe('under faults the SQS adapter', () => {
  let proxy: FaultyProxy;
  beforeAll(async () => {
    proxy = await startFaultyProxy(endpoint);
  });
  afterAll(() => proxy.stop());

  const throughProxy = (url: string) =>
    new SqsQueue(url, { endpoint: proxy.endpoint, client, attempts: 3, idleTimeout: 1500, visibilitySeconds: 30 });

  it('gets through errors, throttling, dropped connections and hanging servers', async () => {
    const { urls } = await openPair();
    const queue = throughProxy(urls.main);
    for (const fault of [
      sqsFault(500, 'InternalFailure'),
      sqsFault(400, 'ThrottlingException'),
      { kind: 'drop-before' },
      { kind: 'hang' },
    ] as const) {
      let left = 2;
      proxy.decide = () => {
        left -= 1;
        return left >= 0 ? fault : undefined;
      };
      await queue.send(fault.kind);
      left = 2;
      const [message] = await queue.receive({ max: 1, waitSeconds: 1 });
      expect(message?.body).toBe(fault.kind);
      left = 2;
      await message?.delete();
    }
  });

  it('may send twice when an answer is lost, and never not at all', async () => {
    const { urls } = await openPair();
    const queue = throughProxy(urls.main);
    let left = 1;
    proxy.decide = () => {
      left -= 1;
      return left >= 0 ? { kind: 'drop-after' } : undefined;
    };
    await queue.send('x');
    expect((await queue.receive({ max: 10, waitSeconds: 1 })).map(({ body }) => body)).toEqual(['x', 'x']);
  });

  it('says what to do about faults that stay', async () => {
    const { urls } = await openPair();
    const queue = throughProxy(urls.main);
    for (const [fault, code] of [
      [sqsFault(403, 'AccessDenied'), 'QUEUE_DENIED'],
      [sqsFault(400, 'QueueDoesNotExist'), 'QUEUE_MISSING'],
      [sqsFault(400, 'OverLimit'), 'QUEUE_BUSY'],
      [sqsFault(500, 'InternalFailure'), 'QUEUE_IO'],
      [{ kind: 'drop-before' }, 'QUEUE_UNAVAILABLE'],
    ] as const) {
      proxy.decide = () => fault;
      await expect(queue.send('x')).rejects.toMatchObject({ name: 'RetryableError', code });
    }
  });
});
