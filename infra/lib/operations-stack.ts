/** What a person looks at, and who is called when something is wrong. */
import { CfnOutput, Stack, type StackProps } from 'aws-cdk-lib';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import type { FleetConfig } from './config.ts';
import type { FleetStack } from './fleet-stack.ts';
import type { JobStack } from './job-stack.ts';
import { Alarms } from './watch/alarms.ts';
import { OperationsDashboard } from './watch/operations-dashboard.ts';

export interface OperationsStackProps extends StackProps {
  readonly config: FleetConfig;
  readonly jobs: JobStack;
  readonly fleet?: FleetStack | undefined;
}

export class OperationsStack extends Stack {
  constructor(scope: Construct, id: string, { config, jobs, fleet, ...props }: OperationsStackProps) {
    super(scope, id, props);
    const topic = new Topic(this, 'Alarmed', { displayName: 'Espalier: alarms', enforceSSL: true });
    if (config.alarmEmail !== undefined) topic.addSubscription(new EmailSubscription(config.alarmEmail));
    const queues = { generate: jobs.generate, finish: jobs.finish, notify: jobs.notify };
    const sizes = fleet && { sizes: fleet.sizes };
    const { all } = new Alarms(this, 'Alarms', { config, queues, topic, ...sizes });
    new OperationsDashboard(this, 'Operations', { config, queues, alarms: all, ...sizes });
    new CfnOutput(this, 'AlarmTopic', { value: topic.topicArn });
  }
}
