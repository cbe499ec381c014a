/**
 * Do the roles suffice? Whole jobs through real S3 and SQS protocols, every request seen on its way and put before the
 * policy of the role that would have made it.
 */
import { randomUUID } from 'node:crypto';
import { type Job, type JobStats, silentLogger } from '@espalier/contracts';
import { runLane } from '@espalier/pipeline';
import { openSqsQueue } from '@espalier/queue';
import { jobKey, openS3Store, readStatus } from '@espalier/storage';
import { serveLanes } from '@espalier/worker';
import { describe, expect, inject, it } from 'vitest';
import { awsAdmin } from '../../.ci/aws/admin.ts';
import { type ProxiedRequest, startFaultyProxy } from '../../.ci/aws/faulty-proxy.ts';
import { LIGHT_RUNTIME, lightGraph } from '../../services/worker/test/chaos/light-graph.ts';
import { type Allowed, policyOf } from './policy.ts';
import { templatesOf } from './stacks.ts';

const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
const graph = lightGraph({ steps: 40, stepMs: 5, saveEvery: 2 });
const STORE = 'EspalierJobs:ExportsOutputFnGetAttStoreBucket';

interface Request {
  readonly action: string;
  readonly resource: string;
  readonly context: Readonly<Record<string, string>>;
}

/** What IAM would be asked. @param places ARNs in the templates, by what they are called here */
function requestOf({ method, url, headers, body }: ProxiedRequest, bucket: string): Request | undefined {
  const target = headers['x-amz-target'];
  if (typeof target === 'string') {
    const action = `sqs:${target.split('.')[1]}`;
    const { QueueUrl = '', QueueName = '' } = JSON.parse(body.toString('utf8') || '{}') as Record<string, string>;
    return { action, resource: `${QueueUrl}${QueueName}`.split('/').at(-1) ?? '', context: {} };
  }
  const { pathname, searchParams } = new URL(url, 'http://s3');
  const key = decodeURIComponent(pathname.slice(bucket.length + 2));
  if (key === '')
    return { action: 's3:ListBucket', resource: '', context: { 's3:prefix': searchParams.get('prefix') ?? '' } };
  const action = { GET: 's3:GetObject', HEAD: 's3:GetObject', PUT: 's3:PutObject', DELETE: 's3:DeleteObject' }[method];
  if (action === undefined) throw new Error(`no action for ${method} ${url}`);
  const condition = headers['if-none-match'];
  return { action, resource: key, context: typeof condition === 'string' ? { 's3:if-none-match': condition } : {} };
}

describe.each([
  ['generate', 'GpuRole'],
  ['finish', 'CpuFinishRole'],
] as const)('the role of the %s lane', (lane, role) => {
  it('allows everything that the lane asks for', async () => {
    const { fleet, jobs } = templatesOf();
    const allowed: Allowed = policyOf(fleet, role);
    const [, storeArn = ''] = new RegExp(`(${STORE}[0-9A-F]+Arn[0-9A-F]+)`).exec(JSON.stringify(fleet.toJSON())) ?? [];
    const queueArn = (name: string) => {
      const [, kind = '', dead] = /-(generate|finish|notify)(-dead)?$/.exec(name) ?? [];
      const id = `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}${dead ? 'DeadLetters' : 'Queue'}`;
      const [, arn = `no queue ${name}`] =
        new RegExp(`(EspalierJobs:ExportsOutputFnGetAtt${id}[0-9A-F]+Arn[0-9A-F]+)`).exec(
          JSON.stringify(jobs.toJSON()),
        ) ?? [];
      return arn;
    };

    const endpoint = inject('awsEndpoint');
    const admin = awsAdmin(endpoint);
    const bucket = `roles-${randomUUID().slice(0, 8)}`;
    await admin.createBucket(bucket);
    const dead = await admin.createQueue(`${bucket}-${lane}-dead`);
    const urls: Record<string, string> = {};
    for (const name of ['generate', 'finish', 'notify']) {
      const redrive = name === lane ? { deadLetters: dead.arn, maxReceiveCount: 20 } : undefined;
      urls[name] = (await admin.createQueue(`${bucket}-${name}`, redrive)).url;
    }
    const store = await openS3Store(`s3://${bucket}`, { endpoint, client });
    const proxy = await startFaultyProxy(endpoint);
    try {
      const watched = await openS3Store(`s3://${bucket}`, { endpoint: proxy.endpoint, client });
      const open = (name: string) =>
        openSqsQueue(urls[name] ?? '', { endpoint: proxy.endpoint, client, visibilitySeconds: 30 });
      const queues = { generate: await open('generate'), finish: await open('finish'), notify: await open('notify') };
      const direct = await openSqsQueue(urls[lane] ?? '', { endpoint, client });
      const put = (id: string, job: object) => store.put(jobKey(id), new TextEncoder().encode(JSON.stringify(job)));
      const announce = (id: string) => direct.send(JSON.stringify({ espalier: { job: id } }));
      const stop = new AbortController();
      const served = serveLanes(
        {
          lanes: [lane],
          store: watched,
          queues,
          logger: silentLogger,
          random: () => 1,
          leaseSeconds: 30,
          sweepSeconds: 1,
          pace: { poll: 1, beat: 0.2 },
          runnerFor: () => ({
            run: async (job, { signal, onEvent, logger }) => {
              if (lane === 'finish') return finishOf(job);
              const deps = {
                store: watched,
                runtime: LIGHT_RUNTIME,
                graph,
                signal,
                logger,
                onProgress: onEvent,
                saveSeconds: 0,
              };
              const result = await runLane(lane, job, deps);
              return 'handOver' in result ? result : result.stats;
            },
          }),
        },
        stop.signal,
      );
      const finishOf = async (job: Job): Promise<JobStats> => {
        await watched.put(`results/${job.id}/model.glb`, new TextEncoder().encode('glTF'));
        await watched.put(`results/${job.id}/stats.json`, new TextEncoder().encode('{}'));
        return { face_count: 1 } as JobStats;
      };
      // One of each kind: a job, one that is no job, one that is called off, one in the message itself, and no message.
      await put('chest', { prompt: 'a chest', seed: 1, webhook: 'https://example.com/' });
      await put('empty', { prompt: '' });
      await put('cancelled', { prompt: 'a boat', seed: 2 });
      await store.put('cancel/cancelled', new Uint8Array());
      for (const id of ['chest', 'empty', 'cancelled', 'missing']) await announce(id);
      await direct.send(JSON.stringify({ id: 'inline', prompt: 'a lamp', seed: 3 }));
      await direct.send('who are you?');
      const done = lane === 'finish' ? 'succeeded' : 'queued';
      const state = async (id: string) => (await readStatus(store, id))?.status;
      await expect.poll(async () => (await state('chest'))?.state).toBe(done);
      await expect.poll(async () => (await state('inline'))?.state).toBe(done);
      await expect.poll(async () => (await state('cancelled'))?.state).toBe('cancelled');
      await expect.poll(async () => (await store.list('dead-letters/')).objects.length).toBe(1);
      // Asked for once more: what is there is cleared away first.
      await put('chest', { prompt: 'a chest', seed: 9 });
      await announce('chest');
      await expect.poll(async () => (await state('chest'))?.seed).toBe(9);
      await expect.poll(async () => (await state('chest'))?.state).toBe(done);
      await expect.poll(async () => (await store.head('sweep.json')) !== undefined).toBe(true);
      stop.abort();
      await served;
    } finally {
      await proxy.stop();
    }

    const asked = proxy.seen.map((request) => requestOf(request, bucket)).filter((request) => request !== undefined);
    const refused = asked.filter(({ action, resource, context }) => {
      if (action.startsWith('sqs:')) return !allowed(action, queueArn(resource));
      return !allowed(action, resource === '' ? storeArn : `${storeArn}/${resource}`, context);
    });
    expect(new Set(asked.map(({ action }) => action)).size).toBeGreaterThanOrEqual(8);
    expect([...new Set(refused.map(({ action, resource }) => `${action} ${resource}`))]).toEqual([]);
  });
});
