/** Where machines live: an existing network, or one with nothing in it that costs money while nothing runs. */

import { RemovalPolicy } from 'aws-cdk-lib';
import {
  FlowLogDestination,
  FlowLogTrafficType,
  GatewayVpcEndpointAwsService,
  type IVpc,
  SecurityGroup,
  type SubnetSelection,
  SubnetType,
  Vpc,
} from 'aws-cdk-lib/aws-ec2';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import { asInterface } from './as-interface.ts';
import type { FleetConfig } from './config.ts';

export class Network extends Construct {
  readonly vpc: IVpc;
  readonly subnets: SubnetSelection;
  /** Whether machines need a public address to reach AWS. */
  readonly publicAddress: boolean;
  /** Lets everything out and nothing in. */
  readonly outbound: SecurityGroup;

  constructor(scope: Construct, id: string, config: Pick<FleetConfig, 'vpcId' | 'subnetIds' | 'availabilityZones'>) {
    super(scope, id);
    const { vpcId, subnetIds = [], availabilityZones = [] } = config;
    this.publicAddress = vpcId === undefined;
    if (vpcId === undefined) {
      this.vpc = asInterface<IVpc>(this.#make());
      this.subnets = { subnetType: SubnetType.PUBLIC };
    } else {
      // By its attributes: a look-up would need credentials to synthesize.
      this.vpc = Vpc.fromVpcAttributes(this, 'Vpc', {
        vpcId,
        availabilityZones,
        privateSubnetIds: subnetIds,
      });
      this.subnets = { subnets: this.vpc.privateSubnets };
    }
    this.outbound = new SecurityGroup(this, 'Outbound', {
      vpc: this.vpc,
      description: 'Espalier workers: everything out, nothing in',
    });
  }

  /** Public subnets: a NAT gateway costs more a month than a small fleet, and nothing is let in either way. */
  #make(): Vpc {
    const logGroup = new LogGroup(this, 'FlowLogs', {
      retention: RetentionDays.ONE_WEEK,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    return new Vpc(this, 'Vpc', {
      // Each zone is a Spot pool of its own.
      maxAzs: 3,
      natGateways: 0,
      subnetConfiguration: [{ name: 'workers', subnetType: SubnetType.PUBLIC, cidrMask: 20 }],
      // Assets and weights go to S3 beside the internet, at no cost.
      gatewayEndpoints: { S3: { service: GatewayVpcEndpointAwsService.S3 } },
      flowLogs: {
        rejected: {
          destination: FlowLogDestination.toCloudWatchLogs(logGroup),
          trafficType: FlowLogTrafficType.REJECT,
        },
      },
    });
  }
}
