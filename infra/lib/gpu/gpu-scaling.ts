/**
 * How many GPU machines there are. Three rules, each with one duty:
 *
 * - *backlog*: target tracking on waiting jobs per machine adds as many as the queue needs. It cannot leave zero (it
 *   multiplies what is there) and never removes: it does not know who is working.
 * - *waiting*: a job that waits while there is no machine, or longer than the limit, adds machines.
 * - *idle*: machines beyond jobs in the queue and in work are removed, after ten minutes, down to none. A machine that is
 *   busy all the same saves and hands its job back: that costs seconds, not the job.
 */
import { Duration } from 'aws-cdk-lib';
import {
  AdjustmentType,
  CfnScalingPolicy,
  MetricAggregationType,
  StepScalingPolicy,
} from 'aws-cdk-lib/aws-autoscaling';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { GpuFleet } from './gpu-fleet.ts';

export interface GpuScalingProps {
  readonly fleet: GpuFleet;
  readonly queue: Queue;
  readonly backlogPerMachine: number;
  readonly oldestMinutes: number;
}

const PERIOD = Duration.minutes(1);

export class GpuScaling extends Construct {
  /** Machines in service. */
  readonly machines: Metric;

  constructor(scope: Construct, id: string, { fleet, queue, backlogPerMachine, oldestMinutes }: GpuScalingProps) {
    super(scope, id);
    const { group } = fleet;
    this.machines = groupMetric(group.autoScalingGroupName, 'GroupInServiceInstances');
    // What is on its way counts as a machine: else each minute of a boot would add another one.
    const coming = groupMetric(group.autoScalingGroupName, 'GroupPendingInstances');
    const waiting = queue.metricApproximateNumberOfMessagesVisible({ period: PERIOD, statistic: 'Maximum' });
    const inWork = queue.metricApproximateNumberOfMessagesNotVisible({ period: PERIOD, statistic: 'Maximum' });
    const oldest = queue.metricApproximateAgeOfOldestMessage({ period: PERIOD, statistic: 'Maximum' });

    trackBacklog(this, group.autoScalingGroupName, { waiting, machines: this.machines, coming }, backlogPerMachine);

    new StepScalingPolicy(this, 'Waiting', {
      autoScalingGroup: group,
      // 0: all is well. 1: somebody waits and nobody is there. Above: the oldest job's age in multiples of the limit.
      metric: new MathExpression({
        expression:
          'IF(waiting > 0, IF(FILL(machines, 0) + FILL(coming, 0) < 1, 1, ' +
          `FLOOR(FILL(oldest, 0) / ${oldestMinutes * 60}) * 2), 0)`,
        usingMetrics: { waiting, machines: this.machines, coming, oldest },
        period: PERIOD,
      }),
      evaluationPeriods: 1,
      metricAggregationType: MetricAggregationType.MAXIMUM,
      adjustmentType: AdjustmentType.CHANGE_IN_CAPACITY,
      scalingSteps: [
        { lower: 1, upper: 2, change: 1 },
        { lower: 2, upper: 4, change: 2 },
        { lower: 4, change: 8 },
      ],
    });

    new StepScalingPolicy(this, 'Idle', {
      autoScalingGroup: group,
      // Below zero: that many machines have nothing to do.
      metric: new MathExpression({
        expression: 'waiting + inWork - FILL(machines, 0)',
        usingMetrics: { waiting, inWork, machines: this.machines },
        period: PERIOD,
      }),
      evaluationPeriods: 10,
      datapointsToAlarm: 10,
      metricAggregationType: MetricAggregationType.MAXIMUM,
      adjustmentType: AdjustmentType.CHANGE_IN_CAPACITY,
      scalingSteps: [
        { upper: -50, change: -50 },
        { lower: -50, upper: -10, change: -10 },
        { lower: -10, upper: -1, change: -1 },
      ],
    });
  }
}

function groupMetric(name: string, metricName: string): Metric {
  return new Metric({
    namespace: 'AWS/AutoScaling',
    metricName,
    dimensionsMap: { AutoScalingGroupName: name },
    period: PERIOD,
    statistic: 'Average',
  });
}

/** CDK's own target tracking knows one metric only; CloudFormation takes metric math. */
function trackBacklog(
  scope: Construct,
  group: string,
  metrics: Readonly<Record<'waiting' | 'machines' | 'coming', Metric>>,
  target: number,
): void {
  new CfnScalingPolicy(scope, 'Backlog', {
    autoScalingGroupName: group,
    policyType: 'TargetTrackingScaling',
    targetTrackingConfiguration: {
      targetValue: target,
      disableScaleIn: true,
      customizedMetricSpecification: {
        metrics: [
          ...Object.entries(metrics).map(([id, metric]) => ({
            id,
            returnData: false,
            metricStat: {
              metric: {
                namespace: metric.namespace,
                metricName: metric.metricName,
                dimensions: Object.entries(metric.dimensions ?? {}).map(([name, value]) => ({ name, value })),
              },
              stat: metric.statistic,
            },
          })),
          {
            id: 'backlog',
            expression: 'waiting / IF(machines + coming > 0, machines + coming, 1)',
            returnData: true,
          },
        ],
      },
    },
  });
}
