/**
 * Storage and queues: everything a job needs but machines. Whoever runs workers by hand, on RunPod or in a fleet
 * of their own points them at this bucket and these queues.
 */
import { JOBS_PREFIX } from '@espalier/storage';
import { CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { EventType } from 'aws-cdk-lib/aws-s3';
import { SqsDestination } from 'aws-cdk-lib/aws-s3-notifications';
import type { Construct } from 'constructs';
import { AssetStore } from './asset-store.ts';
import type { FleetConfig } from './config.ts';
import { LaneQueue } from './lane-queue.ts';

export interface JobStackProps extends StackProps {
  readonly config: FleetConfig;
}

export class JobStack extends Stack {
  readonly store: AssetStore;
  readonly generate: LaneQueue;
  readonly finish: LaneQueue;
  readonly notify: LaneQueue;

  constructor(scope: Construct, id: string, { config, ...props }: JobStackProps) {
    super(scope, id, props);
    this.store = new AssetStore(this, 'Store', {
      bucketName: config.bucketName,
      prefix: config.storePrefix,
      checkpointDays: config.checkpointDays,
    });

    // Workers set a lease's length (30 s) at every receive and extend it by heartbeats; this holds for whoever
    // receives without saying how long, such as a person in the console.
    this.generate = new LaneQueue(this, 'Generate', { visibility: Duration.minutes(2), maxReceiveCount: 20 });
    this.finish = new LaneQueue(this, 'Finish', { visibility: Duration.minutes(2), maxReceiveCount: 20 });
    // Every try of a webhook sends a message of its own for the next one: what counts here are receives that failed.
    this.notify = new LaneQueue(this, 'Notify', { visibility: Duration.minutes(2), maxReceiveCount: 20 });

    this.store.bucket.addEventNotification(EventType.OBJECT_CREATED, new SqsDestination(this.generate.queue), {
      prefix: `${this.store.prefix}${JOBS_PREFIX}`,
      suffix: '.json',
    });

    // The words that docs/production.md begins with.
    for (const [name, value] of [
      ['Store', this.store.url],
      ['QueueGenerate', this.generate.queue.queueUrl],
      ['QueueFinish', this.finish.queue.queueUrl],
      ['QueueNotify', this.notify.queue.queueUrl],
    ] as const) {
      new CfnOutput(this, `${name}Output`, { value }).overrideLogicalId(name);
    }
  }
}
