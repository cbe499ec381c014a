/** A bucket that announces its jobs, the two queues, and lanes in this process that serve them. */
import { randomInt, randomUUID } from 'node:crypto';
import { parseJob, silentLogger, type WorkLane } from '@espalier/contracts';
import { runJob, runLane } from '@espalier/pipeline';
import { openSqsQueue } from '@espalier/queue';
import { jobKey, openS3Store } from '@espalier/storage';
import { type JobRunner, LaneWorker } from '@espalier/worker';
import { awsAdmin } from '../../.ci/aws/admin.ts';
import type { AwsServers } from '../../.ci/aws/servers.ts';
import { LIGHT_RUNTIME, type LightOptions, lightGraph } from '../../services/worker/test/chaos/light-graph.ts';
import type { Progress } from './progress.ts';

const client = { credentials: { accessKeyId: 'test', secretAccessKey: 'testtest' } };
/** A run in which nothing ends for so long will not end at all: milliseconds. */
const STALL = 150_000;

/** @param announces what is written under `jobs/` */
export async function makePlace({ endpoint }: AwsServers, announces = true) {
  const name = `bench-${randomUUID().slice(0, 8)}`;
  const admin = awsAdmin(endpoint);
  const generate = await admin.createQueue(`${name}-generate`);
  const finish = await admin.createQueue(`${name}-finish`);
  await admin.createBucket(name);
  if (announces) await admin.notify(name, { queue: generate.arn }, 'jobs/');
  const store = await openS3Store(`s3://${name}`, { endpoint, client });
  const open = (url: string) => openSqsQueue(url, { endpoint, client, visibilitySeconds: 60 });
  const queues = { generate: await open(generate.url), finish: await open(finish.url) };
  const submit = (id: string, body: object) =>
    store.put(jobKey(id), new TextEncoder().encode(JSON.stringify(body)), { contentType: 'application/json' });
  return { endpoint, name, store, queues, submit, urls: { generate: generate.url, finish: finish.url } };
}
export type Place = Awaited<ReturnType<typeof makePlace>>;

/** Computes a job's asset, for others to find. */
export async function computeAsset({ store }: Place, light: LightOptions, body: object): Promise<void> {
  await runJob(parseJob(body, { id: 'first', random: () => 1 }), {
    store,
    runtime: LIGHT_RUNTIME,
    graph: lightGraph(light),
  });
}

export interface Serving {
  readonly light: LightOptions;
  /** Jobs that each lane works on at once. */
  readonly width: Readonly<Record<WorkLane, number>>;
  /** As one worker, which goes on with a job in memory; otherwise each lane is a worker of its own. @defaultValue false */
  readonly together?: boolean;
  /** Called when a job has succeeded. */
  readonly onEnd?: () => void;
}

/**
 * Serves both lanes in this process until as many jobs have succeeded as the progress is of. Once for each place: a
 * poll that is called off at the end goes on in the server, and hides what it finds for a minute.
 *
 * @returns seconds until the last job's record said so
 * @throws Error when a job ends otherwise, or none ends for minutes
 */
export async function serveUntilDone(
  place: Place,
  { light, width, together = false, onEnd }: Serving,
  progress: Progress,
): Promise<number> {
  const stop = new AbortController();
  let fault: Error | undefined;
  const end = (error?: Error) => {
    fault ??= error;
    stop.abort();
  };
  const stalled = () => end(new Error(`${progress}, then none for ${STALL / 1000} s`));
  let watch = setTimeout(stalled, STALL);
  const open = (lane: WorkLane, finishLane?: LaneWorker) =>
    new LaneWorker({
      lane,
      queues: place.queues,
      store: place.store,
      runner: runnerOf(lane, place, light),
      logger: silentLogger,
      random: randomInt,
      leaseSeconds: 60,
      visibilitySeconds: 60,
      width: width[lane],
      ...(finishLane !== undefined && { finishLane }),
      hooks: {
        onOutcome: (outcome, status) => {
          if (outcome === 'handed-over') return;
          if (outcome !== 'succeeded') return end(new Error(`job ${status.id} ${outcome}: ${status.error?.message}`));
          clearTimeout(watch);
          progress.advance();
          onEnd?.();
          if (progress.isDone) end();
          else watch = setTimeout(stalled, STALL);
        },
      },
    });
  const finish = open('finish');
  const generate = open('generate', together ? finish : undefined);
  await Promise.all([generate, finish].map((worker) => worker.serve(stop.signal)));
  clearTimeout(watch);
  if (fault !== undefined) throw fault;
  return progress.seconds;
}

function runnerOf(lane: WorkLane, { store }: Place, light: LightOptions): JobRunner {
  const graph = lightGraph(light);
  return {
    run: async (job, { signal, onEvent, logger, earlier, justHandedOver, seedDrawn, finishHere }) => {
      const deps = {
        store,
        runtime: LIGHT_RUNTIME,
        graph,
        signal,
        logger,
        onProgress: onEvent,
        earlier,
        justHandedOver,
        seedDrawn,
        finishHere,
      };
      const result = await runLane(lane, job, deps);
      return 'handOver' in result ? result : result.stats;
    },
  };
}
