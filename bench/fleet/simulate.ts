/** Days of a fleet under one policy. */
import { Agenda } from './agenda.ts';
import { Fleet, type Work } from './fleet.ts';
import type { Parameters, Policy } from './parameters.ts';
import { Chance } from './random.ts';
import { gpuRule, taskRule } from './scaling.ts';

export interface Scenario {
  readonly jobsPerDay: number;
  readonly days: number;
  readonly killsPerHour: number;
  readonly seed: number;
}

export interface Outcome {
  readonly submitted: number;
  readonly finished: number;
  /** Finished ones an hour, over the days. */
  readonly perHour: number;
  /** Seconds from submission to the asset. */
  readonly p50: number;
  readonly p99: number;
  /** Of machines that were paid for, and of those the ones that computed. */
  readonly gpuPaidPerAsset: number;
  readonly gpuBusyPerAsset: number;
  /** Of the work that GPU machines did, the share that was done again. */
  readonly wastedShare: number;
  readonly dollarsPerAsset: number;
  readonly mostMachines: number;
}

interface Job extends Work {
  readonly submittedAt: number;
  readonly finish: number;
}

const DAY = 86_400;
const MINUTE = 60;

export function simulate(policy: Policy, scenario: Scenario, p: Parameters): Outcome {
  const agenda = new Agenda();
  // Arrivals and times of work are the same for every policy; kills have a chance of their own.
  const demand = new Chance(scenario.seed);
  const fate = new Chance(scenario.seed + 1);
  const latencies: number[] = [];
  let submitted = 0;

  const done = (job: Job) => latencies.push(agenda.now - job.submittedAt);
  const saved = (elapsed: number, told: boolean) => {
    if (!policy.checkpoints) return 0;
    return told ? Math.max(0, elapsed - p.handBackSeconds) : Math.floor(elapsed / p.saveSeconds) * p.saveSeconds;
  };
  const returnSeconds = (told: boolean) => {
    if (!policy.checkpoints) return p.fixedVisibilitySeconds;
    return told ? 0 : p.leaseSeconds;
  };
  const common = { agenda, chance: fate, noticed: p.noticed, metricDelaySeconds: p.metricDelaySeconds, returnSeconds };
  const tasks = new Fleet<Job>({
    ...common,
    coldSeconds: p.finishColdSeconds,
    most: p.maxTasks,
    width: p.finishesAtOnce,
    killsPerHour: scenario.killsPerHour,
    rule: taskRule(p.finishesAtOnce, p.idleMinutes),
    // Its stages are shorter than a save's interval: what is not finished is begun again.
    saved: () => 0,
    onDone: done,
  });
  const gpus = new Fleet<Job>({
    ...common,
    coldSeconds: p.gpuColdSeconds,
    most: p.maxMachines,
    width: 1,
    killsPerHour: scenario.killsPerHour,
    rule: gpuRule(p),
    saved,
    onDone: (job) => {
      if (policy.finish === 'held') done(job);
      else if (policy.finish === 'beside') agenda.in(job.finish, () => done(job));
      else {
        job.remaining = job.finish;
        tasks.add(job);
      }
    },
  });

  const end = scenario.days * DAY;
  const perSecond = scenario.jobsPerDay / DAY;
  const arrive = () => {
    if (agenda.now >= end) return;
    // Thinning: candidates at the day's peak, taken with the hour's own share of it.
    const rate = 1 + (p.peak - 1) * Math.sin((2 * Math.PI * agenda.now) / DAY);
    const taken = demand.uniform() * p.peak < rate;
    if (taken) {
      submitted += 1;
      const again = demand.uniform() < p.refinishShare;
      const gpu = demand.logNormal(p.gpuSeconds, p.spread);
      const held = demand.logNormal(p.heldFinishSeconds, p.spread);
      const finish = demand.logNormal(p.finishSeconds, p.spread);
      // Another finish of what is there needs no sampling, where what is there was kept.
      const sampling = again && policy.checkpoints ? 0 : gpu;
      const job: Job = {
        submittedAt: agenda.now,
        queuedAt: agenda.now,
        finish,
        remaining: sampling + (policy.finish === 'held' ? held : 0),
      };
      // Without a lane apart it is a GPU machine that finishes it, at once.
      if (job.remaining > 0 || policy.finish === 'beside') gpus.add(job);
      else {
        job.remaining = finish;
        tasks.add(job);
      }
    }
    agenda.in(demand.exponential(1 / (perSecond * p.peak)), arrive);
  };
  const tick = () => {
    if (agenda.now >= end && latencies.length === submitted) return;
    gpus.look();
    tasks.look();
    agenda.in(MINUTE, tick);
  };
  agenda.in(0, arrive);
  agenda.in(0, tick);
  // A day more than the last arrival: whoever is not finished by then is lost.
  while (agenda.now < end + DAY && !(agenda.now >= end && latencies.length === submitted)) if (!agenda.step()) break;
  gpus.close();
  tasks.close();

  latencies.sort((a, b) => a - b);
  const quantile = (share: number) =>
    latencies[Math.min(latencies.length - 1, Math.floor(share * latencies.length))] ?? 0;
  const finished = latencies.length;
  const dollars = (gpus.paid / 3600) * p.gpuDollarsPerHour + (tasks.paid / 3600) * p.finishDollarsPerHour;
  return {
    submitted,
    finished,
    perHour: finished / (scenario.days * 24),
    p50: quantile(0.5),
    p99: quantile(0.99),
    gpuPaidPerAsset: gpus.paid / finished,
    gpuBusyPerAsset: gpus.busy / finished,
    wastedShare: gpus.wasted / Math.max(1, gpus.busy),
    dollarsPerAsset: dollars / finished,
    mostMachines: gpus.most,
  };
}
