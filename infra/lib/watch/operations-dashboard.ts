/** One page that says whether jobs flow, what they cost, and what is in the way. */
import { Duration } from 'aws-cdk-lib';
import { type Alarm, AlarmStatusWidget, Dashboard, GraphWidget, type IMetric } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { LaneQueues } from '../access.ts';
import type { FleetConfig } from '../config.ts';
import { costPerAsset, type FleetSizes, jobsOf, jobsThat, laneSum, WORK_LANES, workerMetric } from './metrics.ts';

export interface OperationsDashboardProps {
  readonly config: FleetConfig;
  readonly queues: LaneQueues;
  readonly alarms: readonly Alarm[];
  readonly sizes?: FleetSizes;
}

const GPU_STAGES = ['condition', 'structure', 'latent', 'decode'] as const;
const CPU_STAGES = ['surface', 'texture', 'export'] as const;

export class OperationsDashboard extends Construct {
  constructor(scope: Construct, id: string, { config, queues, alarms, sizes }: OperationsDashboardProps) {
    super(scope, id);
    const period = Duration.minutes(5);
    const lanes = Object.values(queues);
    const graph = (title: string, left: IMetric[], right: IMetric[] = []) =>
      new GraphWidget({ title, left, right, width: 12, height: 6, leftYAxis: { min: 0 }, period });
    const dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.hours(12) });
    dashboard.addWidgets(new AlarmStatusWidget({ alarms: [...alarms], width: 24, height: 4 }));
    dashboard.addWidgets(
      graph(
        'Jobs that wait; jobs in work',
        lanes.map(({ queue }) => queue.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' })),
        lanes.map(({ queue }) => queue.metricApproximateNumberOfMessagesNotVisible({ statistic: 'Maximum' })),
      ),
      graph(
        'Seconds that the oldest waits; dead letters',
        lanes.map(({ queue }) => queue.metricApproximateAgeOfOldestMessage({ statistic: 'Maximum' })),
        lanes.map(({ deadLetters }) => deadLetters.metricApproximateNumberOfMessagesVisible({ statistic: 'Maximum' })),
      ),
    );
    if (sizes === undefined) return;
    const times = (stages: readonly string[]) =>
      stages.map((stage) => workerMetric('espalier_stage_seconds', { stage, cached: 'false' }, period, 'Average'));
    dashboard.addWidgets(
      graph('Machines; finishing tasks', [sizes.machines], [sizes.tasks]),
      graph('Dollars per asset', [costPerAsset(sizes, config, Duration.hours(1))]),
      graph(
        'How jobs end',
        [jobsOf('finish', 'succeeded', period), jobsThat('failed', period), jobsThat('rejected', period)],
        [laneSum('espalier_lease_steals_total', period)],
      ),
      graph(
        'Seconds in the queue, average',
        WORK_LANES.map((lane) => workerMetric('espalier_queue_wait_seconds', { lane }, period, 'Average')),
        [workerMetric('espalier_gpu_held_seconds', {}, period, 'Average')],
      ),
      graph('Seconds in GPU stages, average', times(GPU_STAGES)),
      graph('Seconds in CPU stages, average', times(CPU_STAGES)),
      graph(
        'Stages taken from a checkpoint',
        [...GPU_STAGES, ...CPU_STAGES].map((stage) => workerMetric('espalier_cache_hits_total', { stage }, period)),
      ),
    );
  }
}
