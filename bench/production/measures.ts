/** The measurements, each in a bucket and queues of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { STAGES } from '@espalier/contracts';
import type { AwsServers } from '../../.ci/aws/servers.ts';
import { Fleet } from '../../services/worker/test/chaos/fleet.ts';
import { type LightOptions, lightGraph } from '../../services/worker/test/chaos/light-graph.ts';
import { replayRequests } from './bare-requests.ts';
import { computeAsset, makePlace, type Place, serveUntilDone } from './place.ts';
import { Progress } from './progress.ts';
import { dollarsPerThousand, type RequestsPerJob, requestsPerJob } from './requests.ts';

/** No sampling to speak of, and no save in the middle. */
const QUICK: LightOptions = { steps: 2, stepMs: 0, saveEvery: 100 };
/** 10 s of sampling. */
const TEN_SECONDS: LightOptions = { steps: 200, stepMs: 25, saveEvery: 1000 };
const CACHED_WIDTH = 8;
const CHEST = { prompt: 'a chest', seed: 1 };

/** Jobs whose asset is there already; and the same requests without a worker around them. */
export async function measureCached(servers: AwsServers, count: number) {
  const place = await makePlace(servers);
  await computeAsset(place, QUICK, CHEST);
  await submitAll(place, count);
  const before = await servers.counts();
  const progress = new Progress('cached jobs', count);
  const seconds = await serveUntilDone(place, QUICK, CACHED_WIDTH, progress);
  const requests = requestsPerJob(before, await servers.counts(), count);
  const bare = await makePlace(servers);
  const bareCount = Math.min(count, 1000);
  await submitAll(bare, bareCount);
  const bareSeconds = await replayRequests(bare, CACHED_WIDTH, new Progress('bare requests', bareCount));
  return {
    jobsPerSecond: count / seconds,
    /** In each fifth of the run: the queue gets shorter, the bucket fuller. */
    jobsPerSecondByFifths: progress.rates,
    /** What servers and clients allow on this machine, Espalier apart. */
    bareRequestsJobsPerSecond: bareCount / bareSeconds,
    seconds,
    requests,
    dollars: dollarsPerThousand(requests),
  };
}

async function submitAll(place: Place, count: number): Promise<void> {
  const waiting = Array.from({ length: count }, (_unused, index) => `job-${index}`);
  const progress = new Progress('submitted', count);
  const submit = async () => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
      await place.submit(id, CHEST);
      progress.advance();
    }
  };
  await Promise.all(Array.from({ length: 8 }, submit));
}

/**
 * Jobs of which nothing is known: every stage computed, no save in the middle, both lanes.
 *
 * @param seed `given`: somebody may have asked for the same before; `drawn`: by the worker
 */
export async function measureComputed(servers: AwsServers, seed: 'given' | 'drawn'): Promise<RequestsPerJob> {
  const place = await makePlace(servers);
  const count = 50;
  for (let index = 0; index < count; index += 1) {
    await place.submit(`job-${index}`, { prompt: `p${index}`, ...(seed === 'given' && { seed: index }) });
  }
  const before = await servers.counts();
  await serveUntilDone(place, QUICK, 4, new Progress(`computed jobs, seed ${seed}`, count));
  return requestsPerJob(before, await servers.counts(), count);
}

/** A 10 s job against a bare loop over the same stages. */
export async function measureOverhead(servers: AwsServers) {
  const rounds = 2;
  let bare = 0;
  let served = 0;
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await bareLoop(round);
    bare += (performance.now() - began) / 1000;
    const place = await makePlace(servers);
    await place.submit('job', { prompt: `bare ${round}`, seed: round });
    served += await serveUntilDone(place, TEN_SECONDS, 1, new Progress(`10 s job, round ${round + 1}`, 1));
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
export async function measureResume(
  servers: AwsServers,
  signal: 'SIGKILL' | 'SIGTERM',
  leaseSeconds: number,
): Promise<number> {
  const place = await makePlace(servers);
  const fleet = new Fleet({
    endpoint: place.endpoint,
    store: `s3://${place.name}`,
    ...place.urls,
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
