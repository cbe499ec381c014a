import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { openSqsQueue } from '@espalier/queue';
import { expect, inject, it } from 'vitest';
import { awsAdmin } from '../../../.ci/aws/admin.ts';
import { temporaryFolder } from './capture-io.ts';
import { espalier } from './espalier-process.ts';

const endpoint = inject('awsEndpoint');
const admin = awsAdmin(endpoint);
const AWS = {
  AWS_ACCESS_KEY_ID: 'test',
  AWS_SECRET_ACCESS_KEY: 'test',
  AWS_REGION: 'us-east-1',
  AWS_ENDPOINT_URL_S3: endpoint,
};

async function examine(env: Record<string, string>) {
  const { code, stdout } = await espalier(['doctor', '--json'], await temporaryFolder(), { ...AWS, ...env });
  const { findings } = JSON.parse(stdout) as { findings: { check: string; level: string; message: string }[] };
  return { code, found: new Map(findings.map(({ check, level }) => [check, level])), findings };
}

it('a bucket and queues on real servers: rights, conditions, clock, dead letters; no message is touched', async () => {
  await admin.createBucket('doctor');
  const dead = await admin.createQueue('doctor-dead');
  const queue = await admin.createQueue('doctor-queue', { deadLetters: dead.arn, maxReceiveCount: 3 });
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const open = await openSqsQueue(queue.url, { client: { credentials } });
  await open.send('{"prompt": "a chair"}');
  const { code, found, findings } = await examine({
    ESPALIER_STORE: 's3://doctor/assets',
    ESPALIER_QUEUE_GENERATE: queue.url,
    ESPALIER_QUEUE_FINISH: dead.url,
  });
  expect(found.get('store')).toBe('ok');
  expect(found.get('store.permissions')).toBe('ok');
  expect(found.get('store.conditional-writes')).toBe('ok');
  expect(found.get('clock')).toBe('ok');
  expect(findings.find(({ check }) => check === 'queue.generate')?.message).toContain(': 1 waiting, 0 in work');
  expect(found.get('queue.generate.permissions')).toBeUndefined();
  expect(found.get('queue.finish.dead-letters')).toBe('broken');
  expect(code).toBe(1);
  const [message, ...more] = await open.receive({ max: 10, waitSeconds: 0 });
  expect(more).toEqual([]);
  expect(message).toMatchObject({ body: '{"prompt": "a chair"}', receiveCount: 1 });
  open.close();
});

it('a bucket that is not there', async () => {
  const { code, findings } = await examine({ ESPALIER_STORE: 's3://no-such-bucket-here' });
  expect(code).toBe(1);
  expect(findings).toContainEqual(expect.objectContaining({ check: 'store.write', code: 'STORE_NO_BUCKET' }));
});

it('says which actions on a queue are refused', async () => {
  // A queue service that knows this identity, and lets it look and send only.
  const refused = ['ReceiveMessage', 'DeleteMessage', 'ChangeMessageVisibility'];
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
    asked.push(action);
    response.setHeader('content-type', 'application/x-amz-json-1.0');
    request.resume().on('end', () => {
      if (refused.includes(action)) {
        response.writeHead(403).end(JSON.stringify({ __type: 'com.amazonaws.sqs#AccessDeniedException' }));
      } else if (action === 'SendMessage') {
        response.writeHead(400).end(JSON.stringify({ __type: 'com.amazonaws.sqs#InvalidMessageContents' }));
      } else response.end(JSON.stringify({ Attributes: { ApproximateNumberOfMessages: '0' } }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/123456789012/q`;
  const { findings } = await examine({ ESPALIER_QUEUE_GENERATE: url });
  expect(findings).toContainEqual(
    expect.objectContaining({
      check: 'queue.generate.permissions',
      level: 'broken',
      message: 'this identity may not sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility',
    }),
  );
  expect(asked).toContain('SendMessage');
  await new Promise((resolve) => server.close(resolve));
});
