import { type Job, silentLogger } from '@espalier/contracts';
import { encodeJobTurn, MemoryQueue, parseMessage } from '@espalier/queue';
import { type FolderStore, jobKey } from '@espalier/storage';
import { trace } from '@opentelemetry/api';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LaneWorker, type RunOptions, serveMetrics, WorkerMetrics } from '../src/index.ts';
import { bucket, ScriptedRunner, started, statusOf, stepped } from './helpers.ts';

let store: FolderStore;
let stop: AbortController;
let serving: Promise<void>[];
beforeEach(async () => {
  store = await bucket();
  stop = new AbortController();
  serving = [];
});
afterEach(async () => {
  stop.abort();
  await Promise.all(serving);
  trace.disable();
});

/**
 * Both lanes over one job: the first does sampler steps, the second finishes.
 *
 * @param inMemory the second lane takes the job over where there is room
 */
async function runBothLanes(message: string, inMemory = false, metrics = new WorkerMetrics()) {
  const queues = { generate: new MemoryQueue(), finish: new MemoryQueue(), notify: new MemoryQueue() };
  const common = { queues, store, logger: silentLogger, random: () => 1, leaseSeconds: 30, visibilitySeconds: 30 };
  const finishing = async (job: Job, { onEvent }: RunOptions) => {
    for (const stage of ['surface', 'export'] as const) {
      onEvent({ ...started(stage), job: job.id });
      onEvent({ type: 'stage.finished', job: job.id, stage, seconds: 0.2, cached: stage === 'export' });
    }
  };
  const finish = new ScriptedRunner(store, finishing);
  const generate = {
    run: async (job: Job, options: RunOptions) => {
      const { onEvent } = options;
      onEvent({ ...started('structure', 2), job: job.id });
      onEvent({ ...stepped('structure', 1, 2), job: job.id });
      onEvent({ ...stepped('structure', 2, 2), job: job.id });
      onEvent({ type: 'stage.finished', job: job.id, stage: 'structure', seconds: 1.5, cached: false });
      return options.finishHere?.() === true ? finish.run(job, options) : { handOver: 'finish' as const };
    },
  };
  const optionsOf = (lane: 'generate' | 'finish') => ({
    ...common,
    lane,
    hooks: metrics.hooks(lane),
    pace: { poll: 1 },
  });
  const finishLane = new LaneWorker({ ...optionsOf('finish'), runner: finish });
  const generateLane = new LaneWorker({
    ...optionsOf('generate'),
    runner: generate,
    ...(inMemory && { finishLane }),
  });
  serving.push(...[generateLane, finishLane].map((lane) => lane.serve(stop.signal)));
  await store.put(jobKey('a'), new TextEncoder().encode('{"prompt":"a","webhook":"https://hooks.example/x"}'));
  await queues.generate.send(message);
  await expect.poll(async () => (await statusOf(store, 'a').catch(() => undefined))?.state).toBe('succeeded');
  const [told] = await queues.notify.receive({ max: 1, waitSeconds: 2 });
  return { told: parseMessage(told?.body ?? ''), queues, metrics };
}

describe('traces', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

  it.each([
    ['across queues', false],
    ['from lane to lane of one process', true],
  ])('go on %s, from whoever began them', async (_name, inMemory) => {
    const exporter = new InMemorySpanExporter();
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
    const { told } = await runBothLanes(encodeJobTurn({ job: 'a', traceparent }), inMemory);
    stop.abort();
    await Promise.all(serving);
    const spans = exporter.getFinishedSpans();
    expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(new Set([traceparent.slice(3, 35)]));
    const byName = new Map(spans.map((span) => [span.name, span]));
    expect([...byName.keys()].sort()).toEqual(['export', 'job finish', 'job generate', 'structure', 'surface']);
    const parentOf = (name: string) => byName.get(name)?.parentSpanContext?.spanId;
    const idOf = (name: string) => byName.get(name)?.spanContext().spanId;
    expect(parentOf('job generate')).toBe('b7ad6b7169203331');
    expect(parentOf('job finish')).toBe(idOf('job generate'));
    expect(parentOf('structure')).toBe(idOf('job generate'));
    expect(parentOf('surface')).toBe(idOf('job finish'));
    expect(byName.get('job generate')?.attributes['espalier.outcome']).toBe('handed-over');
    expect(told).toMatchObject({ turn: { traceparent: `00-${traceparent.slice(3, 35)}-${idOf('job finish')}-01` } });
  });

  it('travel on unbroken where nothing records them', async () => {
    const { told } = await runBothLanes(encodeJobTurn({ job: 'a', traceparent }));
    expect(told).toMatchObject({ turn: { traceparent } });
  });

  it('begin where a job brings none', async () => {
    const { told } = await runBothLanes(encodeJobTurn({ job: 'a' }));
    expect(told).toMatchObject({ turn: { traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/) } });
  });
});

it.each([
  ['two processes', false],
  ['one', true],
])('%s: jobs, stages, cache hits, waits and the time on the accelerator are counted', async (_name, inMemory) => {
  const { queues, metrics } = await runBothLanes(encodeJobTurn({ job: 'a' }), inMemory);
  await queues.generate.send('not json');
  await expect.poll(() => queues.generate.deadLetters.length).toBe(1);
  stop.abort();
  await Promise.all(serving);
  metrics.watchQueue('notify', queues.notify);
  metrics.watchActive('generate', () => 0);
  const server = await serveMetrics(metrics, 0, '127.0.0.1');
  try {
    const text = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    for (const line of [
      'espalier_jobs_total{lane="generate",outcome="handed-over"} 1',
      'espalier_jobs_total{lane="finish",outcome="succeeded"} 1',
      'espalier_stage_seconds_sum{stage="structure",cached="false"} 1.5',
      'espalier_cache_hits_total{stage="export"} 1',
      'espalier_sampler_steps_total{stage="structure"} 2',
      'espalier_queue_wait_seconds_count{lane="generate"} 2',
      'espalier_dead_letters_total{lane="generate"} 1',
      'espalier_gpu_held_seconds_count 1',
      'espalier_queue_messages{queue="notify"} 0',
      'espalier_jobs_active{lane="generate"} 0',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
    expect((await fetch(`http://127.0.0.1:${server.port}/healthz`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${server.port}/other`)).status).toBe(404);
  } finally {
    await server.close();
  }
});
