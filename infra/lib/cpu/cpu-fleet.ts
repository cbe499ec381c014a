/** Machines without a GPU: one service finishes assets, another one tells webhooks. */
import { SecretValue, Stack } from 'aws-cdk-lib';
import { Schedule } from 'aws-cdk-lib/aws-applicationautoscaling';
import { Cluster, ContainerInsights, type ICluster, Secret as TaskSecret } from 'aws-cdk-lib/aws-ecs';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { bucketStatements, factsStatements, type Lane, MODELS_PREFIX, queueStatements } from '../access.ts';
import { asInterface } from '../as-interface.ts';
import type { FleetConfig } from '../config.ts';
import { workerImage } from '../images.ts';
import type { JobStack } from '../job-stack.ts';
import type { Network } from '../network.ts';
import { collectorConfig, METRICS_PORT } from '../watch/collector.ts';
import { WorkerService } from './worker-service.ts';

export interface CpuFleetProps {
  readonly config: FleetConfig;
  readonly jobs: JobStack;
  readonly network: Network;
  readonly metricsLogs: LogGroup;
}

/** Assets that one task finishes at once: a finish keeps about two cores busy and peaks near 0.6 GB. */
const FINISHES_AT_ONCE = 2;

export class CpuFleet extends Construct {
  readonly finish: WorkerService;
  readonly notify: WorkerService;
  readonly webhookSecret: Secret;
  readonly webhookRandom: Secret;

  constructor(scope: Construct, id: string, { config, jobs, network, metricsLogs }: CpuFleetProps) {
    super(scope, id);
    const { region } = Stack.of(this);
    const cluster = asInterface<ICluster>(
      new Cluster(this, 'Cluster', {
        vpc: network.vpc,
        enableFargateCapacityProviders: true,
        containerInsightsV2: ContainerInsights.ENABLED,
      }),
    );
    const image = workerImage(this, 'cpu', config.cpuImage);
    const statements = (lane: Lane) => [...bucketStatements(jobs.store, lane), ...queueStatements(jobs, lane)];
    const environment = {
      ESPALIER_STORE: jobs.store.url,
      ESPALIER_QUEUE_GENERATE: jobs.generate.queue.queueUrl,
      ESPALIER_QUEUE_FINISH: jobs.finish.queue.queueUrl,
      ESPALIER_QUEUE_NOTIFY: jobs.notify.queue.queueUrl,
    };

    this.finish = new WorkerService(this, 'Finish', {
      cluster,
      network,
      image,
      lane: 'finish',
      queue: jobs.finish.queue,
      cpu: 4096,
      memoryMiB: 8192,
      maxTasks: config.maxFinishTasks,
      jobsAtOnce: FINISHES_AT_ONCE,
      environment: {
        ...environment,
        ESPALIER_DEVICE: 'cpu',
        ESPALIER_METRICS_PORT: String(METRICS_PORT),
        MAX_JOBS: String(FINISHES_AT_ONCE),
        // Checkpoints are named by the weights they come from: the mirror says which those are, and no weights are fetched.
        TRELLIS_MODEL_PATH: config.model,
        ESPALIER_MODEL_MIRROR: `s3://${jobs.store.bucket.bucketName}/${jobs.store.prefix}${MODELS_PREFIX.slice(0, -1)}`,
      },
      statements: [...statements('finish'), ...factsStatements(jobs.store)],
      collector: { config: collectorConfig(metricsLogs.logGroupName, region), logs: metricsLogs },
    });
    // A fleet at zero has nobody who sweeps the bucket for what no message speaks of, and a queue that nobody asks for
    // six hours reports late: one task for ten minutes of each hour does both.
    this.finish.scaling.scaleOnSchedule('SweepBegins', { schedule: Schedule.cron({ minute: '0' }), minCapacity: 1 });
    this.finish.scaling.scaleOnSchedule('SweepEnds', { schedule: Schedule.cron({ minute: '10' }), minCapacity: 0 });

    // `whsec_` and base64, as Standard Webhooks writes secrets. Secrets Manager cannot put the prefix before what it
    // generates: one secret holds the random part, the other one both. CloudFormation joins them when it deploys, and
    // neither is ever in the template.
    this.webhookRandom = new Secret(this, 'WebhookRandom', {
      description: 'Random part of the first webhook secret; only read when the stack is made',
      // 40 letters and digits are base64 of 30 bytes; the standard asks for 24 to 64.
      generateSecretString: { passwordLength: 40, excludePunctuation: true },
    });
    this.webhookSecret = new Secret(this, 'WebhookSecret', {
      description: 'Signs webhooks: whsec_... ; several, separated by spaces, while one is replaced',
      secretStringValue: SecretValue.unsafePlainText(`whsec_${this.webhookRandom.secretValue.unsafeUnwrap()}`),
    });
    this.notify = new WorkerService(this, 'Notify', {
      cluster,
      network,
      image,
      lane: 'notify',
      queue: jobs.notify.queue,
      cpu: 256,
      memoryMiB: 512,
      maxTasks: config.maxNotifyTasks,
      jobsAtOnce: 10,
      environment,
      secrets: { ESPALIER_WEBHOOK_SECRET: TaskSecret.fromSecretsManager(asInterface<ISecret>(this.webhookSecret)) },
      statements: statements('notify'),
    });
  }
}
