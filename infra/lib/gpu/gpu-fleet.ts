/** GPU machines for the generate lane: Spot and On-Demand, several families, none while there is nothing to do. */
import { Duration, RemovalPolicy, Stack, Tags } from 'aws-cdk-lib';
import {
  AutoScalingGroup,
  type CfnAutoScalingGroup,
  DefaultResult,
  GroupMetrics,
  LifecycleTransition,
  OnDemandAllocationStrategy,
  ScalingEvents,
  SpotAllocationStrategy,
} from 'aws-cdk-lib/aws-autoscaling';
import {
  type BlockDevice,
  BlockDeviceVolume,
  EbsDeviceVolumeType,
  InstanceType,
  LaunchTemplate,
  LaunchTemplateHttpTokens,
  MachineImage,
} from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { bucketStatements, MODELS_PREFIX, modelStatements, queueStatements } from '../access.ts';
import type { FleetConfig } from '../config.ts';
import { workerImage } from '../images.ts';
import type { JobStack } from '../job-stack.ts';
import type { Network } from '../network.ts';
import { COLLECTOR_IMAGE, collectorConfig, METRICS_PORT } from '../watch/collector.ts';
import { machineUserData } from './user-data.ts';

/** Drivers, Docker and NVIDIA's container runtime, by AWS; resolved when it is deployed. */
const MACHINE_IMAGE = '/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id';
const LIFECYCLE_HOOK = 'espalier-save';

export interface GpuFleetProps {
  readonly config: FleetConfig;
  readonly jobs: JobStack;
  readonly network: Network;
  readonly metricsLogs: LogGroup;
  /** Told of machines that come, go, or cannot be had. */
  readonly news: ITopic;
}

export class GpuFleet extends Construct {
  readonly group: AutoScalingGroup;
  readonly role: Role;
  /** But for the unique id, which AWS makes up. */
  readonly groupArn: string;
  readonly #props: GpuFleetProps;

  constructor(scope: Construct, id: string, props: GpuFleetProps) {
    super(scope, id);
    this.#props = props;
    const { config, network } = props;
    // Given, because scripts on the machines and the machines' own role name it.
    const groupName = `${Stack.of(this).stackName}-gpu`;
    this.groupArn = Stack.of(this).formatArn({
      service: 'autoscaling',
      resource: 'autoScalingGroup:*',
      resourceName: `autoScalingGroupName/${groupName}`,
    });
    const logs = new LogGroup(this, 'Logs', {
      retention: RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = this.#role(logs);
    const template = new LaunchTemplate(this, 'Template', {
      machineImage: MachineImage.fromSsmParameter(MACHINE_IMAGE),
      role: this.role,
      securityGroup: network.outbound,
      userData: this.#userData(logs, groupName),
      // Session tokens only, and no hop further than the machine itself.
      httpTokens: LaunchTemplateHttpTokens.REQUIRED,
      httpPutResponseHopLimit: 1,
      instanceMetadataTags: false,
      detailedMonitoring: true,
      associatePublicIpAddress: network.publicAddress,
      blockDevices: blockDevices(config.weights),
    });
    this.group = new AutoScalingGroup(this, 'Group', {
      autoScalingGroupName: groupName,
      vpc: network.vpc,
      vpcSubnets: network.subnets,
      minCapacity: config.minMachines,
      maxCapacity: config.maxMachines,
      mixedInstancesPolicy: {
        launchTemplate: template,
        launchTemplateOverrides: config.instanceTypes.map((type) => ({ instanceType: new InstanceType(type) })),
        instancesDistribution: {
          onDemandBaseCapacity: 0,
          onDemandPercentageAboveBaseCapacity: Math.round((1 - config.spotShare) * 100),
          onDemandAllocationStrategy: OnDemandAllocationStrategy.PRIORITIZED,
          // Pools that are cheap and unlikely to be taken back soon.
          spotAllocationStrategy: SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
        },
      },
      // A machine that is likely to be taken back is replaced before it is.
      capacityRebalance: true,
      groupMetrics: [GroupMetrics.all()],
      notifications: [{ topic: props.news, scalingEvents: ScalingEvents.ALL }],
      // From launch to the first step: boot, image, weights.
      defaultInstanceWarmup: Duration.minutes(5),
    });
    // Not `addLifecycleHook`: the hook must be there before the first machine is.
    const group = this.group.node.defaultChild as CfnAutoScalingGroup;
    group.lifecycleHookSpecificationList = [
      {
        lifecycleHookName: LIFECYCLE_HOOK,
        lifecycleTransition: LifecycleTransition.INSTANCE_TERMINATING,
        // A step, a save of 1.5 MB and a message: seconds. A machine that hangs is let go all the same.
        heartbeatTimeout: 120,
        defaultResult: DefaultResult.CONTINUE,
      },
    ];
    Tags.of(this.group).add('Name', groupName);
  }

  #role(logs: LogGroup): Role {
    const { jobs, metricsLogs } = this.#props;
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('ec2.amazonaws.com'),
      description: 'Espalier workers of the generate lane',
      // Shells without keys, ports or bastions, for whoever has to look at a machine.
      managedPolicies: [ManagedPolicy.fromAwsManagedPolicyName('AmazonSSMManagedInstanceCore')],
    });
    for (const statement of [
      ...bucketStatements(jobs.store, 'generate'),
      ...modelStatements(jobs.store),
      ...queueStatements(jobs, 'generate'),
      ...(this.#props.config.gpuLanes === 'generate' ? [] : queueStatements(jobs, 'finish')),
      new PolicyStatement({
        sid: 'LetGo',
        actions: ['autoscaling:CompleteLifecycleAction'],
        resources: [this.groupArn],
      }),
    ]) {
      role.addToPolicy(statement);
    }
    logs.grantWrite(role);
    metricsLogs.grantWrite(role);
    return role;
  }

  #userData(logs: LogGroup, groupName: string) {
    const { config, jobs, metricsLogs } = this.#props;
    const { region } = Stack.of(this);
    const image = workerImage(this, 'gpu', config.gpuImage);
    image.grantPull(this.role);
    const { store } = jobs;
    return machineUserData({
      machine: {
        AWS_REGION: region,
        IMAGE: image.uri,
        LANES: config.gpuLanes,
        COLLECTOR_IMAGE,
        LOG_GROUP: logs.logGroupName,
        WEIGHTS: config.weights,
        MODELS_URL: `s3://${store.bucket.bucketName}/${store.prefix}${MODELS_PREFIX.slice(0, -1)}`,
        MODEL: config.model,
        AUTO_SCALING_GROUP: groupName,
        LIFECYCLE_HOOK,
      },
      worker: {
        AWS_REGION: region,
        ESPALIER_STORE: store.url,
        ESPALIER_QUEUE_GENERATE: jobs.generate.queue.queueUrl,
        ESPALIER_QUEUE_FINISH: jobs.finish.queue.queueUrl,
        ESPALIER_QUEUE_NOTIFY: jobs.notify.queue.queueUrl,
        ESPALIER_DEVICE: 'cuda',
        ESPALIER_METRICS_PORT: String(METRICS_PORT),
        ESPALIER_SPOT_NOTICE: 'on',
        HF_HOME: '/models',
        TRELLIS_MODEL_PATH: config.model,
        // Digests of the weights, and nothing else: the rest of the file system is read-only.
        XDG_CACHE_HOME: '/tmp',
      },
      collector: collectorConfig(metricsLogs.logGroupName, region),
    });
  }
}

/** The root holds two images; the other volume is the weights, ready to be mounted. */
function blockDevices(weights: string): BlockDevice[] {
  const gp3 = { volumeType: EbsDeviceVolumeType.GP3, encrypted: true, deleteOnTermination: true };
  const root = { deviceName: '/dev/xvda', volume: BlockDeviceVolume.ebs(60, { ...gp3, throughput: 250 }) };
  if (weights === 'mirror') return [root];
  const { encrypted: _keyOfTheSnapshot, ...fromSnapshot } = gp3;
  return [
    root,
    // All of it is read at start, so its blocks come from S3 first: as fast as EBS sells it.
    {
      deviceName: '/dev/sdf',
      volume: BlockDeviceVolume.ebsFromSnapshot(weights, { ...fromSnapshot, throughput: 500, iops: 3000 }),
    },
  ];
}
