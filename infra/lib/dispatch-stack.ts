/** `espalier dispatch` as a service: feeds a RunPod endpoint from the generate queue. One small task, replaced when it ends. */
import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import {
  Cluster,
  ContainerInsights,
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  type ICluster,
  LogDrivers,
  OperatingSystemFamily,
  Secret as TaskSecret,
} from 'aws-cdk-lib/aws-ecs';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import { bucketStatements, dispatchStatements, queueStatements } from './access.ts';
import { asInterface } from './as-interface.ts';
import type { FleetConfig } from './config.ts';
import { workerImage } from './images.ts';
import type { JobStack } from './job-stack.ts';
import { Network } from './network.ts';

export interface DispatchStackProps extends StackProps {
  readonly config: FleetConfig;
  /** Where jobs are posted. */
  readonly endpoint: NonNullable<FleetConfig['runpodEndpoint']>;
  /** Name of the secret that holds the API key. */
  readonly keySecret: NonNullable<FleetConfig['runpodKeySecret']>;
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
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
      description: 'Espalier dispatcher: what the generate lane may do, and a note of what RunPod has',
    });
    const statements = [
      ...bucketStatements(jobs.store, 'generate'),
      ...queueStatements(jobs, 'generate'),
      ...dispatchStatements(jobs.store),
    ];
    for (const statement of statements) role.addToPolicy(statement);
    this.task = new FargateTaskDefinition(this, 'Task', {
      cpu: 256,
      memoryLimitMiB: 512,
      taskRole: role,
      runtimePlatform: {
        cpuArchitecture: CpuArchitecture.ARM64,
        operatingSystemFamily: OperatingSystemFamily.LINUX,
      },
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
    new FargateService(this, 'Service', {
      cluster: asInterface<ICluster>(cluster),
      taskDefinition: this.task,
      desiredCount: 1,
      vpcSubnets: network.subnets,
      securityGroups: [network.outbound],
      assignPublicIp: network.publicAddress,
      // Taken back, it is started again, and goes on asking for what RunPod has.
      capacityProviderStrategies: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
      circuitBreaker: { rollback: true },
      minHealthyPercent: 0,
      maxHealthyPercent: 200,
    });
  }
}
