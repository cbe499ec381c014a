/** Machines: GPUs for the generate lane, CPUs for the others, and the network they live in. */
import { RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { FleetConfig } from './config.ts';
import { CpuFleet } from './cpu/cpu-fleet.ts';
import { GpuFleet } from './gpu/gpu-fleet.ts';
import { GpuScaling } from './gpu/gpu-scaling.ts';
import type { JobStack } from './job-stack.ts';
import { Network } from './network.ts';
import type { FleetSizes } from './watch/metrics.ts';

export interface FleetStackProps extends StackProps {
  readonly config: FleetConfig;
  readonly jobs: JobStack;
}

export class FleetStack extends Stack {
  readonly gpu: GpuFleet;
  readonly cpu: CpuFleet;
  readonly sizes: FleetSizes;

  constructor(scope: Construct, id: string, { config, jobs, ...props }: FleetStackProps) {
    super(scope, id, props);
    const network = new Network(this, 'Network', config);
    const metricsLogs = new LogGroup(this, 'Metrics', {
      // CloudWatch keeps the metrics; these are the lines they were made of.
      retention: RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const news = new Topic(this, 'News', { displayName: 'Espalier: machines that come and go', enforceSSL: true });
    this.gpu = new GpuFleet(this, 'Gpu', { config, jobs, network, metricsLogs, news });
    const scaling = new GpuScaling(this, 'GpuScaling', {
      fleet: this.gpu,
      queue: jobs.generate.queue,
      backlogPerMachine: config.backlogPerMachine,
      oldestMinutes: config.oldestMinutes,
    });
    this.cpu = new CpuFleet(this, 'Cpu', { config, jobs, network, metricsLogs });
    this.sizes = { machines: scaling.machines, tasks: this.cpu.finish.tasks };
  }
}
