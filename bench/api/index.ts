/**
 * What the HTTP API costs, over a folder bucket on this machine's disk: accepting jobs (each is a durable file by
 * then), polling their state, following them; and the RunPod worker's time from take to first step.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { FolderStore } from '@espalier/storage';
import { BucketWorker } from '../../services/gateway/test/bucket-worker.ts';
import type { Bench } from '../report.ts';
import { Client, quantile, type Timed } from './load.ts';
import { takeToFirstStep } from './runpod.ts';
import { followMany } from './streams.ts';

const CLIENTS = 50;
/** Each client's pace in milliseconds: together 200 jobs in a second, twice what RunPod lets an endpoint take. */
const PACE = 250;
const PACED_SECONDS = 10;
const SATURATED_SECONDS = 5;
const POLLS = 2000;
const STREAMS = 1000;

export const run: Bench = async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-api-'));
  const { child, base } = await startServer(folder);
  try {
    const clients = Array.from({ length: CLIENTS }, () => new Client(base));
    const body = JSON.stringify({ input: { prompt: 'A wooden treasure chest' } });
    await Promise.all(clients.map((client) => client.send('POST', '/run', body))); // connections and code are warm
    const paced = await pacedRuns(clients, body);
    const saturated = await saturate(clients, 'POST', '/run', body);
    // The same clients, the same server, and nothing to do: what two cores give to both sides of a connection.
    const nothing = await saturate(clients, 'GET', '/healthz');
    const store = await FolderStore.open(folder);
    const ids = saturated.answers.slice(0, 50).map(({ body: text }) => JSON.parse(text).id as string);
    const worker = new BucketWorker(store);
    const polled = ids.slice(0, 10);
    for (const id of polled) await worker.claim(id);
    const polling = await poll(clients, polled);
    for (const client of clients) client.close();
    const streams = await followMany(base, store, ids.slice(10), STREAMS);
    const { toFirstStep, roundTrips } = await takeToFirstStep(100);
    const overNetwork = quantile(toFirstStep, 0.5) - quantile(roundTrips, 0.5);
    const times = paced.map(({ milliseconds }) => milliseconds);
    const busy = saturated.answers.map(({ milliseconds }) => milliseconds);
    const idle = nothing.answers.map(({ milliseconds }) => milliseconds);
    const polls = polling.answers.map(({ milliseconds }) => milliseconds);
    return {
      rows: [
        rowOf(`POST /run, ${CLIENTS} clients, ${(CLIENTS * 1000) / PACE}/s`, {
          answers: paced,
          seconds: PACED_SECONDS,
        }),
        rowOf(`POST /run, ${CLIENTS} clients, as fast as they can`, saturated),
        rowOf(`GET /healthz, which does nothing, ${CLIENTS} clients, as fast as they can`, nothing),
        rowOf(`GET /status, ${CLIENTS} clients, as fast as they can`, polling),
        {
          measured: `event streams on ${streams.jobs} jobs`,
          requests: streams.streams,
          accepted: streams.complete,
          median_ms: streams.lastEndMilliseconds,
          p99_ms: streams.lastEndMilliseconds,
          per_second: streams.events,
        },
        {
          measured: 'RunPod worker, take to first step',
          requests: toFirstStep.length,
          accepted: toFirstStep.length,
          median_ms: quantile(toFirstStep, 0.5),
          p99_ms: quantile(toFirstStep, 0.99),
          per_second: 0,
        },
      ],
      goals: [
        {
          name: `POST /run accepted, median ms, ${CLIENTS} clients`,
          value: quantile(times, 0.5),
          limit: 10,
          sense: 'at-most',
        },
        {
          name: `${STREAMS} event streams that missed something`,
          value: streams.streams - streams.complete + streams.stagesMissing,
          limit: 0,
          sense: 'at-most',
        },
        { name: `seconds for ${POLLS} status requests`, value: polling.seconds, limit: 10, sense: 'at-most' },
        { name: 'take to first step over the round trip, median ms', value: overNetwork, limit: 50, sense: 'at-most' },
      ],
      figures: {
        paced: {
          median_ms: quantile(times, 0.5),
          p90_ms: quantile(times, 0.9),
          p99_ms: quantile(times, 0.99),
          requests: paced.length,
        },
        saturated: {
          median_ms: quantile(busy, 0.5),
          p99_ms: quantile(busy, 0.99),
          per_second: busy.length / saturated.seconds,
          times_the_median_of_nothing: quantile(busy, 0.5) / quantile(idle, 0.5),
        },
        nothing: { median_ms: quantile(idle, 0.5), per_second: idle.length / nothing.seconds },
        polling: {
          median_ms: quantile(polls, 0.5),
          p99_ms: quantile(polls, 0.99),
          per_second: polls.length / polling.seconds,
        },
        streams,
        runpod: {
          median_ms: quantile(toFirstStep, 0.5),
          p99_ms: quantile(toFirstStep, 0.99),
          round_trip_median_ms: quantile(roundTrips, 0.5),
        },
      },
    };
  } finally {
    child.kill('SIGTERM');
    await once(child, 'close');
    await rm(folder, { recursive: true, force: true });
  }
};

function rowOf(
  measured: string,
  { answers, seconds }: { readonly answers: readonly Timed[]; readonly seconds: number },
) {
  const times = answers.map(({ milliseconds }) => milliseconds);
  return {
    measured,
    requests: answers.length,
    accepted: answers.filter(({ status }) => status === 200).length,
    median_ms: quantile(times, 0.5),
    p99_ms: quantile(times, 0.99),
    per_second: answers.length / seconds,
  };
}

async function startServer(folder: string): Promise<{ child: ChildProcess; base: string }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', fileURLToPath(new URL('./server.ts', import.meta.url)), folder],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: child.stdout });
  const [base] = (await once(lines, 'line')) as [string];
  return { child, base };
}

/** Each client submits at its own pace, whatever the answers take. */
async function pacedRuns(clients: readonly Client[], body: string): Promise<Timed[]> {
  const rounds = (PACED_SECONDS * 1000) / PACE;
  const answers = await Promise.all(
    clients.map(async (client, index) => {
      await sleep((index / clients.length) * PACE);
      const start = performance.now();
      const sent: Promise<Timed>[] = [];
      for (let round = 0; round < rounds; round += 1) {
        await sleep(Math.max(0, start + round * PACE - performance.now()));
        sent.push(client.send('POST', '/run', body));
      }
      return Promise.all(sent);
    }),
  );
  return answers.flat();
}

async function saturate(
  clients: readonly Client[],
  method: string,
  path: string,
  body?: string,
): Promise<{ answers: Timed[]; seconds: number }> {
  const start = performance.now();
  const answers: Timed[] = [];
  await Promise.all(
    clients.map(async (client) => {
      while (performance.now() - start < SATURATED_SECONDS * 1000) answers.push(await client.send(method, path, body));
    }),
  );
  return { answers, seconds: (performance.now() - start) / 1000 };
}

async function poll(
  clients: readonly Client[],
  ids: readonly string[],
): Promise<{ answers: Timed[]; seconds: number }> {
  const start = performance.now();
  const answers: Timed[] = [];
  let left = POLLS;
  await Promise.all(
    clients.map(async (client) => {
      while (left > 0) {
        left -= 1;
        answers.push(await client.send('GET', `/status/${ids[left % ids.length]}`));
      }
    }),
  );
  return { answers, seconds: (performance.now() - start) / 1000 };
}
