/** Tasks of one CPU lane: Fargate Spot on Graviton, as many as the queue asks for, none while it is empty. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { AdjustmentType } from 'aws-cdk-lib/aws-applicationautoscaling';
import { MathExpression, Metric } from 'aws-cdk-lib/aws-cloudwatch';
import {
  ContainerImage,
  type FargateService,
  type FargateTaskDefinition,
  type ICluster,
  LogDrivers,
  type ScalableTaskCount,
  type Secret,
} from 'aws-cdk-lib/aws-ecs';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { WorkerImage } from '../images.ts';
import type { Network } from '../network.ts';
import { COLLECTOR_IMAGE } from '../watch/collector.ts';
import { spotService, spotTask } from './spot-task.ts';

export interface WorkerServiceProps {
  readonly cluster: ICluster;
  readonly network: Network;
  readonly image: WorkerImage;
  readonly lane: 'finish' | 'notify';
  readonly queue: Queue;
  /** 1024 are one core. */
  readonly cpu: number;
  readonly memoryMiB: number;
  readonly maxTasks: number;
  /** Messages that one task holds at once. */
  readonly jobsAtOnce: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly secrets?: Readonly<Record<string, Secret>>;
  readonly statements: readonly PolicyStatement[];
  /** The collector's configuration and where it writes; absent: this lane serves no metrics. */
  readonly collector?: { readonly config: string; readonly logs: LogGroup };
}

export class WorkerService extends Construct {
  readonly service: FargateService;
  readonly scaling: ScalableTaskCount;
  readonly task: FargateTaskDefinition;
  /** Tasks that run now. */
  readonly tasks: Metric;

  constructor(scope: Construct, id: string, props: WorkerServiceProps) {
    super(scope, id);
    const { cluster, network, maxTasks } = props;
    this.task = this.#task(props);
    this.service = spotService(this, { cluster, network, task: this.task, desiredCount: 0 });
    this.scaling = this.service.autoScaleTaskCount({ minCapacity: 0, maxCapacity: maxTasks });
    this.tasks = new Metric({
      namespace: 'ECS/ContainerInsights',
      metricName: 'RunningTaskCount',
      dimensionsMap: { ClusterName: cluster.clusterName, ServiceName: this.service.serviceName },
      period: Duration.minutes(1),
      statistic: 'Average',
    });
    this.#scaleOnBacklog(props);
  }

  #task({ lane, image, cpu, memoryMiB, environment, secrets, statements, collector }: WorkerServiceProps) {
    const logs = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const description = `Espalier workers of the ${lane} lane`;
    const task = spotTask(this, { cpu, memoryMiB, description, statements });
    collector?.logs.grantWrite(task.taskRole);
    task.addContainer('worker', {
      image: image.forEcs,
      command: ['worker', '--lanes', lane],
      environment: { ...environment },
      ...(secrets !== undefined && { secrets: { ...secrets } }),
      logging: LogDrivers.awsLogs({ streamPrefix: lane, logGroup: logs }),
      // Fargate Spot gives two minutes; a worker needs seconds to save and hand back.
      stopTimeout: Duration.seconds(60),
    });
    if (collector !== undefined) {
      task.addContainer('collector', {
        image: ContainerImage.fromRegistry(COLLECTOR_IMAGE),
        essential: false,
        memoryReservationMiB: 64,
        environment: { AOT_CONFIG_CONTENT: collector.config },
        logging: LogDrivers.awsLogs({ streamPrefix: 'collector', logGroup: logs }),
      });
    }
    return task;
  }

  /**
   * Out by what waits, in doubling steps. In by what is idle: tasks beyond messages waiting and in work, after ten
   * minutes, down to none. Who takes a task away does not know which is busy; a busy one saves and hands back.
   */
  #scaleOnBacklog({ queue, jobsAtOnce }: WorkerServiceProps): void {
    const period = Duration.minutes(1);
    const waiting = queue.metricApproximateNumberOfMessagesVisible({ period, statistic: 'Maximum' });
    const inWork = queue.metricApproximateNumberOfMessagesNotVisible({ period, statistic: 'Maximum' });
    const adjustmentType = AdjustmentType.CHANGE_IN_CAPACITY;
    this.scaling.scaleOnMetric('Waiting', {
      metric: waiting,
      adjustmentType,
      cooldown: Duration.minutes(2),
      evaluationPeriods: 1,
      scalingSteps: [
        { lower: 1, upper: 4 * jobsAtOnce, change: 1 },
        { lower: 4 * jobsAtOnce, upper: 16 * jobsAtOnce, change: 4 },
        { lower: 16 * jobsAtOnce, change: 16 },
      ],
    });
    this.scaling.scaleOnMetric('Idle', {
      metric: new MathExpression({
        expression: `waiting + inWork - FILL(tasks, 0) * ${jobsAtOnce}`,
        usingMetrics: { waiting, inWork, tasks: this.tasks },
        period,
      }),
      adjustmentType,
      cooldown: Duration.minutes(1),
      evaluationPeriods: 10,
      datapointsToAlarm: 10,
      scalingSteps: [
        { upper: -10 * jobsAtOnce, change: -10 },
        { lower: -10 * jobsAtOnce, upper: -jobsAtOnce, change: -1 },
      ],
    });
  }
}
