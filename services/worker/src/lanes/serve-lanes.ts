/** One process that serves one or more lanes: what `espalier worker` runs where there are queues. */
import type { Clock, Logger, RandomInteger, WorkLane } from '@espalier/contracts';
import { systemClock } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';
import type { JobRunner } from '../runner.ts';
import { systemTimers, type Timers } from '../timers.ts';
import type { LANE_PACE, LaneQueues } from './lane-options.ts';
import { LaneWorker } from './lane-worker.ts';
import type { WorkerMetrics } from './metrics.ts';
import { watchSpotNotice } from './spot-notice.ts';
import { Sweep } from './sweep.ts';

export interface ServeLanesOptions {
  readonly lanes: readonly WorkLane[];
  readonly store: ObjectStore;
  readonly queues: LaneQueues;
  /** This machine serves the jobs that ran out of memory elsewhere. @defaultValue false */
  readonly large?: boolean;
  readonly runnerFor: (lane: WorkLane) => JobRunner;
  readonly logger: Logger;
  readonly random: RandomInteger;
  readonly leaseSeconds: number;
  /** @defaultValue the lease's length */
  readonly visibilitySeconds?: number;
  /** Jobs worked on at once, by lane. @defaultValue 1 each */
  readonly width?: Partial<Record<WorkLane, number>>;
  /** Between two sweeps of all workers of the bucket; 0 turns them off. @defaultValue 300 */
  readonly sweepSeconds?: number;
  /** Watch for EC2's notice and hand everything back when it comes. @defaultValue false */
  readonly spotNotice?: boolean;
  readonly metrics?: WorkerMetrics;
  readonly pace?: Partial<typeof LANE_PACE>;
  readonly clock?: Clock;
  readonly timers?: Timers;
}

/** Works until the signal is aborted or the machine is about to be taken back, and everything in hand is handed back. */
export async function serveLanes(options: ServeLanesOptions, signal: AbortSignal): Promise<void> {
  const { lanes, queues, store, logger, metrics, clock = systemClock, timers = systemTimers } = options;
  const notified = new AbortController();
  const stop = AbortSignal.any([signal, notified.signal]);
  const open = (lane: WorkLane, finishLane?: LaneWorker): LaneWorker => {
    const width = options.width?.[lane];
    const source = lane === 'generate' && options.large === true ? queues.generateLarge : undefined;
    const worker = new LaneWorker({
      lane,
      queues,
      store,
      runner: options.runnerFor(lane),
      logger,
      random: options.random,
      leaseSeconds: options.leaseSeconds,
      visibilitySeconds: options.visibilitySeconds ?? options.leaseSeconds,
      clock,
      timers,
      ...(source !== undefined && { source }),
      ...(width !== undefined && { width }),
      ...(finishLane !== undefined && { finishLane }),
      ...(metrics !== undefined && { hooks: metrics.hooks(lane) }),
      ...(options.pace !== undefined && { pace: options.pace }),
    });
    metrics?.watchActive(lane, () => worker.active);
    logger.info({ lane, worker: worker.id, store: store.location, queue: queues[lane].location }, 'lane opened');
    return worker;
  };
  const finishLane = lanes.includes('finish') ? open('finish') : undefined;
  const generateLane = lanes.includes('generate') ? open('generate', finishLane) : undefined;
  const workers = [generateLane, finishLane].map((worker) => worker?.serve(stop));
  for (const [name, queue] of Object.entries(queues)) metrics?.watchQueue(name, queue);
  const aside: Promise<unknown>[] = [];
  const every = options.sweepSeconds ?? 300;
  if (every > 0) {
    const sweep = new Sweep({
      store,
      queues: [queues.generate, queues.finish],
      clock,
      logger,
      everySeconds: every,
    });
    aside.push(sweep.serve(timers, stop));
  }
  if (options.spotNotice === true) {
    aside.push(
      watchSpotNotice({ logger, timers }, stop).then((notice) => {
        if (notice === undefined) return;
        logger.warn({ ...notice }, 'this machine is about to be taken back: handing everything back');
        notified.abort();
      }),
    );
  }
  await Promise.all([...workers, ...aside]);
}
