/** `espalier dispatch` as a service: feeds a RunPod endpoint from the generate queue. One small task, replaced when it ends. */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Cluster,
  ContainerInsights,
  type FargateTaskDefinition,
  type ICluster,
  LogDrivers,
  Secret as TaskSecret,
} from 'aws-cdk-lib/aws-ecs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { bucketStatements, dispatchStatements, queueStatements } from './access.ts';
import { asInterface } from './as-interface.ts';
import type { FleetConfig } from './config.ts';
import { spotService, spotTask } from './cpu/spot-task.ts';
import { workerImage } from './images.ts';
import type { JobStack } from './job-stack.ts';
import { Network } from './network.ts';

export interface DispatchStackProps extends StackProps {
  readonly config: FleetConfig;
  /** Where jobs are posted. */
  readonly endpoint: string;
  /** Name of the secret that holds the API key. */
  readonly keySecret: string;
  readonly jobs: JobStack;
}

export class DispatchStack extends Stack {
  readonly task: FargateTaskDefinition;

  constructor(scope: Construct, id: string, { config, endpoint, keySecret, jobs, ...props }: DispatchStackProps) {
    super(scope, id, props);
    // Of its own: without a fleet of machines there is no other.
    const network = new Network(this, 'Network', config);
    const cluster = new Cluster(this, 'Cluster', {
      vpc: network.vpc,
      enableFargateCapacityProviders: true,
      containerInsightsV2: ContainerInsights.ENABLED,
    });
    this.task = spotTask(this, {
      cpu: 256,
      memoryMiB: 512,
      description: 'Espalier dispatcher: what the generate lane may do, and a note of what RunPod has',
      statements: [
        ...bucketStatements(jobs.store, 'generate'),
        ...queueStatements(jobs, 'generate'),
        ...dispatchStatements(jobs.store),
      ],
    });
    const logs = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.task.addContainer('dispatcher', {
      image: workerImage(this, 'cpu', config.cpuImage).forEcs,
      command: ['dispatch'],
      environment: {
        ESPALIER_STORE: jobs.store.url,
        ESPALIER_QUEUE_GENERATE: jobs.generate.queue.queueUrl,
        ESPALIER_QUEUE_FINISH: jobs.finish.queue.queueUrl,
        ESPALIER_QUEUE_NOTIFY: jobs.notify.queue.queueUrl,
        ESPALIER_RUNPOD_ENDPOINT: endpoint,
        ESPALIER_DISPATCH_IN_FLIGHT: String(config.runpodInFlight),
      },
      secrets: { RUNPOD_API_KEY: TaskSecret.fromSecretsManager(Secret.fromSecretNameV2(this, 'Key', keySecret)) },
      logging: LogDrivers.awsLogs({ streamPrefix: 'dispatch', logGroup: logs }),
      // Its messages are handed back within seconds.
      stopTimeout: Duration.seconds(30),
    });
    // Started again, it goes on asking for what RunPod has.
    spotService(this, { cluster: asInterface<ICluster>(cluster), network, task: this.task, desiredCount: 1 });
  }
}
