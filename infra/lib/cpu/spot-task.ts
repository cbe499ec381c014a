/** A task on Graviton with a role of its own, and a service that runs it on Fargate Spot. */
import {
  CpuArchitecture,
  FargateService,
  FargateTaskDefinition,
  type ICluster,
  OperatingSystemFamily,
} from 'aws-cdk-lib/aws-ecs';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Network } from '../network.ts';

export interface SpotTaskProps {
  /** 1024 are one core. */
  readonly cpu: number;
  readonly memoryMiB: number;
  /** Of its role. */
  readonly description: string;
  readonly statements: readonly PolicyStatement[];
}

export interface SpotServiceProps {
  readonly cluster: ICluster;
  readonly network: Network;
  readonly task: FargateTaskDefinition;
  readonly desiredCount: number;
}

export function spotTask(scope: Construct, { cpu, memoryMiB, description, statements }: SpotTaskProps) {
  const taskRole = new Role(scope, 'Role', {
    assumedBy: new ServicePrincipal('ecs-tasks.amazonaws.com'),
    description,
  });
  for (const statement of statements) taskRole.addToPolicy(statement);
  return new FargateTaskDefinition(scope, 'Task', {
    cpu,
    memoryLimitMiB: memoryMiB,
    taskRole,
    runtimePlatform: {
      cpuArchitecture: CpuArchitecture.ARM64,
      operatingSystemFamily: OperatingSystemFamily.LINUX,
    },
  });
}

/** Whatever is taken back is started again; a deployment may start the new before it ends the old, and may end all of the old. */
export function spotService(scope: Construct, { cluster, network, task, desiredCount }: SpotServiceProps) {
  return new FargateService(scope, 'Service', {
    cluster,
    taskDefinition: task,
    desiredCount,
    vpcSubnets: network.subnets,
    securityGroups: [network.outbound],
    assignPublicIp: network.publicAddress,
    capacityProviderStrategies: [{ capacityProvider: 'FARGATE_SPOT', weight: 1 }],
    circuitBreaker: { rollback: true },
    minHealthyPercent: 0,
    maxHealthyPercent: 200,
  });
}
