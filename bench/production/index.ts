/**
 * What production costs beside the stages: jobs a second and requests a job through S3 and SQS, the overhead of a
 * 10 s job against a bare loop over the same stages, and how soon another worker goes on.
 *
 *     npm run bench -- production [jobs=5000] [--save]
 *
 * Servers are the test servers, on this machine too: they cost more processor time than the worker. Stages are the
 * light ones of the chaos tests, in the real runner over real checkpoints.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { STAGES, silentLogger } from '@espalier/contracts';
import { runLane } from '@espalier/pipeline';
import { openSqsQueue } from '@espalier/queue';
import { jobKey, openS3Store } from '@espalier/storage';
import { serveLanes } from '@espalier/worker';
import { awsAdmin } from '../../.ci/aws/admin.ts';
import { type AwsServers, startAwsServers } from '../../.ci/aws/servers.ts';
import { Fleet } from '../../services/worker/test/chaos/fleet.ts';
import { LIGHT_RUNTIME, type LightOptions, lightGraph } from '../../services/worker/test/chaos/light-graph.ts';
import type { BenchReport } from '../report.ts';
import { dollarsPerThousand, type RequestsPerJob, requestsPerJob } from './requests.ts';

const JOBS = '5000';
const FRESH_S3 = 23;
/** 10 s of sampling. */
const TEN_SECONDS: LightOptions = { steps: 200, stepMs: 25, saveEvery: 1000 };
const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };

export async function run(args: readonly string[]): Promise<BenchReport> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  const jobs = Number(args[0] ?? JOBS);
  const servers = await startAwsServers();
  try {
    const cached = await measureCached(servers, jobs);
    const computed = await measureComputed(servers);
    const overhead = await measureOverhead(servers);
    const killed = await measureResume(servers, 'SIGKILL', 30);
    const told = await measureResume(servers, 'SIGTERM', 30);
    return {
      rows: [
        { figure: 'cached jobs a second', value: cached.jobsPerSecond },
        { figure: 'S3 requests a cached job', value: cached.requests.s3 },
        { figure: 'SQS requests a cached job', value: cached.requests.sqs },
        { figure: 'dollars for 1,000 cached jobs', value: cached.dollars },
        { figure: 'S3 requests a job that computes all stages', value: computed.s3 },
        { figure: 'SQS requests a job that computes all stages', value: computed.sqs },
        { figure: 'dollars for 1,000 such jobs', value: dollarsPerThousand(computed) },
        { figure: 'overhead of a 10 s job, share', value: overhead.share },
        { figure: 'seconds from SIGKILL to the next step, lease 30 s', value: killed },
        { figure: 'seconds from SIGTERM to the next step', value: told },
      ],
      goals: [
        { name: 'S3 requests a cached job', value: cached.requests.s3, limit: 12 },
        { name: 'SQS requests a cached job', value: cached.requests.sqs, limit: 6 },
        // Each has a reason: docs/production.md counts them.
        { name: 'S3 requests a job that computes all stages', value: computed.s3, limit: FRESH_S3 },
        { name: 'SQS requests a job that computes all stages', value: computed.sqs, limit: 6 },
        { name: 'overhead of a 10 s job against a bare loop', value: overhead.share, limit: 0.05 },
        { name: 'seconds from SIGTERM to the next step elsewhere', value: told, limit: 5 },
        { name: 'seconds from SIGKILL to the next step elsewhere, lease 30 s', value: killed, limit: 40 },
      ],
      figures: { jobs, cached, computed, overhead, seconds_after_kill: killed, seconds_after_hand_back: told },
    };
  } finally {
    await servers.stop();
  }
}

async function makePlace({ endpoint }: AwsServers) {
  const name = `bench-${randomUUID().slice(0, 8)}`;
  const admin = awsAdmin(endpoint);
  const generate = await admin.createQueue(`${name}-generate`);
  const finish = await admin.createQueue(`${name}-finish`);
  await admin.createBucket(name);
  await admin.notify(name, { queue: generate.arn }, 'jobs/');
  const store = await openS3Store(`s3://${name}`, { endpoint, client });
  const submit = (id: string, body: object) =>
    store.put(jobKey(id), new TextEncoder().encode(JSON.stringify(body)), { contentType: 'application/json' });
  return { endpoint, name, store, submit, generate: generate.url, finish: finish.url };
}
type Place = Awaited<ReturnType<typeof makePlace>>;

/** Serves both lanes in this process until `count` jobs have ended. @returns seconds from the first to the last */
async function serveUntil(place: Place, count: number, light: LightOptions, width: number): Promise<number> {
  const { endpoint, store } = place;
  const open = (url: string) => openSqsQueue(url, { endpoint, client, visibilitySeconds: 60 });
  const queues = { generate: await open(place.generate), finish: await open(place.finish) };
  const graph = lightGraph(light);
  const stop = new AbortController();
  let done = 0;
  const began = performance.now();
  let took = 0;
  await serveLanes(
    {
      lanes: ['generate', 'finish'],
      store,
      queues,
      logger: silentLogger,
      random: () => 1,
      leaseSeconds: 60,
      sweepSeconds: 0,
      width: { generate: width, finish: width },
      pace: { poll: 1 },
      runnerFor: (lane) => ({
        run: async (job, { signal, onEvent, logger, earlier, justHandedOver }) => {
          const deps = {
            store,
            runtime: LIGHT_RUNTIME,
            graph,
            signal,
            logger,
            onProgress: onEvent,
            earlier,
            justHandedOver,
          };
          const result = await runLane(lane, job, deps);
          if ('handOver' in result) return result;
          done += 1;
          if (done === count) {
            took = (performance.now() - began) / 1000;
            // The end of the last job is still to be written.
            setTimeout(() => stop.abort(), 1500);
          }
          return result.stats;
        },
      }),
    },
    stop.signal,
  );
  return took;
}

async function measureCached(servers: AwsServers, count: number) {
  const place = await makePlace(servers);
  const light = { steps: 2, stepMs: 0, saveEvery: 100 };
  await place.submit('first', { prompt: 'a chest', seed: 1 });
  await serveUntil(place, 1, light, 1);
  const ids = Array.from({ length: count }, (_unused, index) => `job-${index}`);
  const waiting = [...ids];
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        await place.submit(id, { prompt: 'a chest', seed: 1 });
      }
    }),
  );
  const before = await servers.counts();
  const seconds = await serveUntil(place, count, light, 8);
  const requests = requestsPerJob(before, await servers.counts(), count);
  return { jobsPerSecond: count / seconds, seconds, requests, dollars: dollarsPerThousand(requests) };
}

/** Jobs of which nothing is known: every stage computed, no save in the middle, both lanes. */
async function measureComputed(servers: AwsServers): Promise<RequestsPerJob> {
  const place = await makePlace(servers);
  const count = 50;
  for (let index = 0; index < count; index += 1)
    await place.submit(`job-${index}`, { prompt: `p${index}`, seed: index });
  const before = await servers.counts();
  await serveUntil(place, count, { steps: 2, stepMs: 0, saveEvery: 100 }, 4);
  return requestsPerJob(before, await servers.counts(), count);
}

async function measureOverhead(servers: AwsServers) {
  const place = await makePlace(servers);
  const rounds = 2;
  let bare = 0;
  let served = 0;
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await bareLoop(round);
    bare += (performance.now() - began) / 1000;
    await place.submit(`job-${round}`, { prompt: `bare ${round}`, seed: round });
    served += await serveUntil(place, 1, TEN_SECONDS, 1);
  }
  return { bareSeconds: bare / rounds, servedSeconds: served / rounds, share: served / bare - 1 };
}

/** The same stages one after the other, with nothing around them. */
async function bareLoop(seed: number): Promise<void> {
  const graph = lightGraph(TEN_SECONDS);
  const contents = new Map<string, unknown>();
  const job = { id: 'bare', input: { prompt: `bare ${seed}`, seed, simplify: 0.95, texture_size: 1024 } };
  for (const name of STAGES) {
    const stage = graph[name];
    const context = {
      job,
      parameters: {},
      resume: undefined,
      signal: new AbortController().signal,
      input: ({ name: input }: { name: string }) => contents.get(input),
      onStep: () => {},
      onSave: async () => {},
    } as unknown as Parameters<typeof stage.run>[0];
    contents.set(name, await stage.run(context));
  }
}

/** Seconds from the signal to the next step of the same job in another process. */
async function measureResume(
  servers: AwsServers,
  signal: 'SIGKILL' | 'SIGTERM',
  leaseSeconds: number,
): Promise<number> {
  const place = await makePlace(servers);
  const fleet = new Fleet({
    endpoint: place.endpoint,
    store: `s3://${place.name}`,
    generate: place.generate,
    finish: place.finish,
    leaseSeconds,
    sweepSeconds: 0,
    width: 1,
    light: { steps: 4000, stepMs: 25, saveEvery: 20 },
  });
  try {
    await fleet.start().ready;
    await place.submit('long', { prompt: 'long', seed: 1 });
    while (fleet.steps().length < 60) await sleep(50);
    await fleet.start().ready;
    const [holder] = fleet.workers;
    const at = Date.now();
    holder?.child.kill(signal);
    for (;;) {
      const next = fleet.said.find(({ worker, line }) => worker === 2 && line.type === 'step');
      if (next !== undefined) return (next.line.at - at) / 1000;
      if (Date.now() - at > 200_000) throw new Error('nobody went on');
      await sleep(20);
    }
  } finally {
    await fleet.end();
  }
}
