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
const evenly = (width: number) => ({ generate: width, finish: width });
const CHEST = { prompt: 'a chest', seed: 1 };

/** Jobs whose asset is there already; and the same requests without a worker around them. */
export async function measureCached(servers: AwsServers, count: number) {
  const place = await makePlace(servers);
  await computeAsset(place, QUICK, CHEST);
  await submitAll(place, count);
  const before = await servers.counts();
  const progress = new Progress('cached jobs', count);
  const seconds = await serveUntilDone(place, { light: QUICK, width: evenly(CACHED_WIDTH) }, progress);
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

/** How a job comes that computes all its stages, and who takes it. */
export interface Form {
  /** Both lanes in one worker, or one in each of two. */
  readonly workers: 'one' | 'two';
  /** `given`: somebody may have asked for the same before; `drawn`: by the worker. */
  readonly seed: 'given' | 'drawn';
  /** The bucket announces an object, or the message is the job. */
  readonly by: 'object' | 'message';
  /** Taken as soon as it comes, or after more time than lies between two looks at a cancel marker. */
  readonly taken: 'at once' | 'later';
}

const COMPUTED_JOBS = 50;
/** Milliseconds; a worker looks for cancel markers every 5 s, and stores date their objects in whole seconds. */
const LATER = 7000;

/** Jobs of which nothing is known: every stage computed, no save in the middle. */
export async function measureComputed(servers: AwsServers, form: Form): Promise<RequestsPerJob> {
  const { workers, seed, by, taken } = form;
  const place = await makePlace(servers, by === 'object');
  let submitted = 0;
  const submit = async (): Promise<void> => {
    if (submitted === COMPUTED_JOBS) return;
    const index = submitted;
    submitted += 1;
    const body = { prompt: `${workers} ${by} ${taken} ${index}`, ...(seed === 'given' && { seed: index }) };
    if (by === 'object') await place.submit(`job-${index}`, body);
    else await place.queues.generate.send(JSON.stringify({ id: `job-${index}`, ...body }));
  };
  const atOnce = taken === 'at once';
  if (!atOnce) {
    while (submitted < COMPUTED_JOBS) await submit();
    await sleep(LATER);
  }
  const before = await servers.counts();
  const progress = new Progress(`computed jobs, ${Object.values(form).join(', ')}`, COMPUTED_JOBS);
  const submitting = new Set<Promise<void>>();
  const next = () => void submitting.add(submit());
  const serving = serveUntilDone(
    place,
    // A finish lane that always has room.
    { light: QUICK, width: { generate: 1, finish: 4 }, together: workers === 'one', ...(atOnce && { onEnd: next }) },
    progress,
  );
  if (atOnce) for (let first = 0; first < 2; first += 1) next();
  await serving;
  await Promise.all(submitting);
  const own = { [by === 'object' ? 's3 PUT' : 'sqs SendMessage']: atOnce ? COMPUTED_JOBS : 0 };
  return requestsPerJob(before, await servers.counts(), COMPUTED_JOBS, own);
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
    const progress = new Progress(`10 s job, round ${round + 1}`, 1);
    served += await serveUntilDone(place, { light: TEN_SECONDS, width: evenly(1) }, progress);
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
