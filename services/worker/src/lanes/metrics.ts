/** Prometheus metrics of a worker. Names are stable; a benchmark and a dashboard may count on them. */
import type { PipelineEvent, WorkLane } from '@espalier/contracts';
import type { JobQueue } from '@espalier/queue';
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { type SideServer, serveBeside } from '../side-server.ts';
import type { LaneHooks } from './lane-options.ts';

const STAGE_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320];
const WAIT_BUCKETS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 14_400, 43_200];

export class WorkerMetrics {
  readonly registry = new Registry();
  readonly #outcomes = this.#counter('espalier_jobs_total', 'Jobs that a lane let go of, by how', ['lane', 'outcome']);
  readonly #stages = this.#histogram(
    'espalier_stage_seconds',
    'Seconds in a stage',
    ['stage', 'cached'],
    STAGE_BUCKETS,
  );
  readonly #hits = this.#counter('espalier_cache_hits_total', 'Stages taken from a checkpoint', ['stage']);
  readonly #steps = this.#counter('espalier_sampler_steps_total', 'Sampler steps computed', ['stage']);
  readonly #waits = this.#histogram(
    'espalier_queue_wait_seconds',
    'Age of a message when taken',
    ['lane'],
    WAIT_BUCKETS,
  );
  readonly #steals = this.#counter('espalier_lease_steals_total', 'Claims taken from workers without life', ['lane']);
  readonly #duplicates = this.#counter('espalier_duplicate_messages_total', 'Messages about work in hand', ['lane']);
  readonly #buried = this.#counter('espalier_dead_letters_total', 'Messages buried with a reason', ['lane']);
  readonly #held = this.#histogram(
    'espalier_gpu_held_seconds',
    'Seconds an asset held the accelerator: its stay in the generate lane, when networks ran, until it was free again',
    [],
    STAGE_BUCKETS,
  );

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  /** Counts what a lane does. */
  hooks(lane: WorkLane): Required<LaneHooks> {
    const computed = new Set<string>();
    return {
      onEvent: (event) => this.#count(event, computed),
      onReceived: (waitedMs) => this.#waits.observe({ lane }, waitedMs / 1000),
      onOutcome: (outcome, status, heldMs) => {
        this.#outcomes.inc({ lane, outcome });
        if (computed.delete(status.id) && lane === 'generate') this.#held.observe(heldMs / 1000);
      },
      onSteal: () => this.#steals.inc({ lane }),
      onDuplicate: () => this.#duplicates.inc({ lane }),
      onDeadLetter: () => this.#buried.inc({ lane }),
    };
  }

  /** Visible messages of a queue, asked for when somebody looks. */
  watchQueue(name: string, queue: JobQueue): void {
    this.#depths.set(name, queue);
  }

  readonly #depths = new Map<string, JobQueue>();
  readonly #depth = new Gauge({
    name: 'espalier_queue_messages',
    help: 'Visible messages, approximately',
    labelNames: ['queue'],
    registers: [this.registry],
    collect: async () => {
      for (const [queue, source] of this.#depths) {
        // A queue that cannot be reached has no number; the scrape goes on.
        const depth = await source.depth().catch(() => undefined);
        if (depth === undefined) this.#depth.remove({ queue });
        else this.#depth.set({ queue }, depth);
      }
    },
  });

  watchActive(lane: WorkLane, active: () => number): void {
    this.#active.set(lane, active);
  }

  readonly #active = new Map<WorkLane, () => number>();
  readonly #activeGauge = new Gauge({
    name: 'espalier_jobs_active',
    help: 'Jobs in work now',
    labelNames: ['lane'],
    registers: [this.registry],
    collect: () => {
      for (const [lane, active] of this.#active) this.#activeGauge.set({ lane }, active());
    },
  });

  #count(event: PipelineEvent, computed: Set<string>): void {
    if (event.type === 'stage.step') {
      this.#steps.inc({ stage: event.stage });
      computed.add(event.job);
    }
    if (event.type !== 'stage.finished') return;
    this.#stages.observe({ stage: event.stage, cached: String(event.cached) }, event.seconds);
    if (event.cached) this.#hits.inc({ stage: event.stage });
  }

  #counter<L extends string>(name: string, help: string, labelNames: L[]): Counter<L> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<L extends string>(name: string, help: string, labelNames: L[], buckets: number[]): Histogram<L> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }
}

/** Serves `/metrics` and `/healthz`. @param port 0 takes a free one */
export function serveMetrics(metrics: WorkerMetrics, port: number, host?: string): Promise<SideServer> {
  const { registry } = metrics;
  return serveBeside(
    (request, response) => {
      if (request.url?.split('?')[0] !== '/metrics') return void response.writeHead(404).end();
      registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    },
    port,
    host,
  );
}
