/** What somebody has to be told. docs/deploy.md says for each alarm what it means and what to do. */
import { Duration } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator, type IMetric, MathExpression, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { LaneQueues } from '../access.ts';
import type { FleetConfig } from '../config.ts';
import { costPerAsset, type FleetSizes, jobsOf, jobsThat, laneSum } from './metrics.ts';

export interface AlarmsProps {
  readonly config: FleetConfig;
  readonly queues: LaneQueues;
  readonly topic: ITopic;
  /** Absent: no fleet of this account, so its workers report nothing here. */
  readonly sizes?: FleetSizes;
}

const LANES = ['generate', 'finish', 'notify'] as const;

export class Alarms extends Construct {
  readonly all: Alarm[] = [];
  readonly #topic: ITopic;

  constructor(scope: Construct, id: string, { config, queues, topic, sizes }: AlarmsProps) {
    super(scope, id);
    this.#topic = topic;
    const minute = Duration.minutes(1);
    for (const lane of LANES) {
      const { queue, deadLetters } = queues[lane];
      this.#add(`DeadLetters-${lane}`, {
        description: `Messages of the ${lane} lane were given up: see dead-letters/ in the bucket, then espalier redrive ${lane}`,
        metric: deadLetters.metricApproximateNumberOfMessagesVisible({ period: minute, statistic: 'Maximum' }),
        above: 0,
      });
      this.#add(`QueueAge-${lane}`, {
        description: `The ${lane} lane does not keep up, or nobody serves it`,
        metric: queue.metricApproximateAgeOfOldestMessage({ period: minute, statistic: 'Maximum' }),
        above: config.oldestMinutes * 60 * 3,
        periods: 5,
      });
    }
    if (sizes === undefined) return;
    const quarter = Duration.minutes(15);
    this.#add('LeaseSteals', {
      description:
        'Workers die without handing their jobs back: look for what kills them (memory? Spot without notice?)',
      metric: laneSum('espalier_lease_steals_total', quarter),
      above: Math.max(5, config.maxMachines / 4),
    });
    this.#add('FailureRate', {
      description: 'More than a tenth of the jobs of the last quarter of an hour failed',
      metric: new MathExpression({
        expression: 'IF(failed + succeeded >= 10, 100 * failed / (failed + succeeded), 0)',
        usingMetrics: { failed: jobsThat('failed', quarter), succeeded: jobsOf('finish', 'succeeded', quarter) },
        period: quarter,
        label: 'failed jobs, percent',
      }),
      above: 10,
    });
    this.#add('CostPerAsset', {
      description: 'Machines cost more for each asset than was set: are they idle, or failing?',
      metric: costPerAsset(sizes, config, Duration.hours(1)),
      above: config.maxDollarsPerAsset,
      periods: 2,
    });
  }

  #add(
    name: string,
    alarm: {
      readonly description: string;
      readonly metric: IMetric;
      readonly above: number;
      readonly periods?: number;
    },
  ): void {
    const made = new Alarm(this, name, {
      alarmDescription: alarm.description,
      metric: alarm.metric,
      threshold: alarm.above,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: alarm.periods ?? 1,
      // Silence is a fleet at rest.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    made.addAlarmAction(new SnsAction(this.#topic));
    made.addOkAction(new SnsAction(this.#topic));
    this.all.push(made);
  }
}
