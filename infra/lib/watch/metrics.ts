/** The workers' own metrics in CloudWatch, as the collector writes them. */
import type { Duration } from 'aws-cdk-lib';
import { type IMetric, MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { FleetConfig } from '../config.ts';
import { type COLLECTED, METRICS_NAMESPACE } from './collector.ts';

export const WORK_LANES = ['generate', 'finish'] as const;
type WorkLane = (typeof WORK_LANES)[number];

type Labels<N extends keyof typeof COLLECTED> = Readonly<Record<(typeof COLLECTED)[N][number], string>>;

/** @param labels every label that the collector keeps as a dimension: CloudWatch sums over none of them by itself */
export function workerMetric<N extends keyof typeof COLLECTED>(
  name: N,
  labels: Labels<N>,
  period: Duration,
  statistic = 'Sum',
): Metric {
  return new Metric({
    namespace: METRICS_NAMESPACE,
    metricName: name,
    dimensionsMap: labels,
    period,
    statistic,
    label: [name.replace(/^espalier_/, ''), ...Object.values(labels)].join(' '),
  });
}

export function jobsOf(lane: WorkLane, outcome: string, period: Duration): Metric {
  return workerMetric('espalier_jobs_total', { lane, outcome }, period);
}

/** Jobs that ended so, in whichever lane. */
export function jobsThat(outcome: 'failed' | 'rejected' | 'cancelled', period: Duration): IMetric {
  return sum(`${outcome} jobs`, outcome, (lane) => jobsOf(lane, outcome, period), period);
}

export function laneSum(
  name: 'espalier_lease_steals_total' | 'espalier_dead_letters_total',
  period: Duration,
): IMetric {
  return sum(name, name.split('_')[1] ?? name, (lane) => workerMetric(name, { lane }, period), period);
}

function sum(label: string, id: string, of: (lane: WorkLane) => Metric, period: Duration): IMetric {
  const usingMetrics = Object.fromEntries(WORK_LANES.map((lane) => [`${id}_${lane}`, of(lane)]));
  const expression = Object.keys(usingMetrics)
    .map((name) => `FILL(${name}, 0)`)
    .join(' + ');
  return new MathExpression({ expression, usingMetrics, period, label });
}

/** How many machines and tasks run. */
export interface FleetSizes {
  readonly machines: Metric;
  readonly tasks: Metric;
}

/**
 * Dollars for machines and tasks of a period, over the assets that were finished in it. Prices are the deployment's
 * options: CloudWatch knows none.
 */
export function costPerAsset(
  { machines, tasks }: FleetSizes,
  prices: Pick<FleetConfig, 'gpuDollarsPerHour' | 'finishDollarsPerHour'>,
  period: Duration,
): IMetric {
  const spent = `(FILL(machines, 0) * ${prices.gpuDollarsPerHour} + FILL(tasks, 0) * ${prices.finishDollarsPerHour})`;
  return new MathExpression({
    expression: `IF(assets > 0, ${spent} * ${period.toHours({ integral: false })} / assets, 0)`,
    usingMetrics: {
      machines: machines.with({ period, statistic: 'Average' }),
      tasks: tasks.with({ period, statistic: 'Average' }),
      assets: jobsOf('finish', 'succeeded', period),
    },
    period,
    label: 'dollars per asset',
  });
}
