import { extractionSeconds, finishSeconds, gpuSeconds } from './measured.ts';

/** What the simulation believes, each figure with where it is from. Times in seconds, prices in US dollars. */
export const PARAMETERS = {
  /** The GPU lane on an L4, reckoned from whole jobs on an H200: `measured.ts`. */
  gpuSeconds: gpuSeconds('l4'),
  /**
   * Finishing that job on two cores, by what `bench/finish` measured: beside a GPU that waits, for its mesh to be extracted,
   * too, and on machines of its own.
   */
  heldFinishSeconds: extractionSeconds() + finishSeconds(),
  finishSeconds: finishSeconds(),
  /** Spread of all three: the standard deviation of their logarithm. Assumed. */
  spread: 0.25,
  /** Share of jobs that ask for another finish of what there is: `from`. Assumed. */
  refinishShare: 0.1,
  /** Longest sampling work that a kill without notice costs: ESPALIER_SAVE_SECONDS. */
  saveSeconds: 10,
  /** What a hand-back costs: half a sampler step, and the save. */
  handBackSeconds: 0.5,
  /** Until a silent worker's job is taken over: ESPALIER_LEASE_SECONDS. */
  leaseSeconds: 30,
  /** A queue without heartbeats has to hide a message for longer than any job takes. */
  fixedVisibilitySeconds: 300,
  /** Launch to first step: machine, driver, 3 GB image, 8 GB of weights from S3 onto local NVMe. Assumed. */
  gpuColdSeconds: 180,
  /** Fargate task, image, weights. Assumed. */
  finishColdSeconds: 120,
  /** Assets that a finishing task works on at once: `infra/lib/cpu/cpu-fleet.ts`. */
  finishesAtOnce: 2,
  /** CloudWatch sees queues once a minute and is late by about one. */
  metricDelaySeconds: 60,
  /** g6.xlarge Spot, about half of 0.8048 On-Demand (us-east-1). */
  gpuDollarsPerHour: 0.4,
  /** Four Graviton cores and 8 GB of Fargate Spot: 0.158 On-Demand, up to 70% less. */
  finishDollarsPerHour: 0.05,
  /** The day's peak over its mean. Assumed. */
  peak: 1.5,
  /** Of kills: with EC2's notice, which is best effort. Assumed. */
  noticed: 0.9,
  /** GPU machines and finishing tasks at most. */
  maxMachines: 300,
  maxTasks: 80,
  /** `infra/lib/config.ts`. */
  backlogPerMachine: 4,
  oldestSeconds: 600,
  idleMinutes: 10,
};
export type Parameters = typeof PARAMETERS;

/**
 * Kills of one machine an hour. Calm: the Spot Instance Advisor's worst band, over 20% a month. Storm: an hour in which
 * one machine in five is taken back.
 */
export const KILLS_PER_HOUR = { calm: 0.2 / 720, storm: 0.2 } as const;

export interface Policy {
  readonly name: string;
  /** `held`: the GPU waits. `beside`: on the same machine's cores while the GPU goes on. `apart`: on other machines. */
  readonly finish: 'held' | 'beside' | 'apart';
  /** What was computed is kept, and work goes on from there. */
  readonly checkpoints: boolean;
}

export const POLICIES: readonly Policy[] = [
  { name: 'GPU held, from zero (seed)', finish: 'held', checkpoints: false },
  { name: 'GPU held, checkpoints', finish: 'held', checkpoints: true },
  { name: 'lanes apart, from zero', finish: 'apart', checkpoints: false },
  { name: 'lanes apart, checkpoints', finish: 'apart', checkpoints: true },
  { name: 'lanes on one machine, checkpoints', finish: 'beside', checkpoints: true },
];

/** Jobs a day, and the days that give enough of them to speak of a hundredth. */
export const VOLUMES = [
  { jobsPerDay: 10, days: 200 },
  { jobsPerDay: 1000, days: 5 },
  { jobsPerDay: 100_000, days: 1 },
] as const;
