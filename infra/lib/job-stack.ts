/**
 * Storage and queues: everything a job needs but machines. Whoever runs workers by hand, on RunPod or in a fleet
 * of their own points them at this bucket and these queues.
 */
import { CfnOutput, Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import { BlockPublicAccess, Bucket, BucketEncryption, EventType } from 'aws-cdk-lib/aws-s3';
import { SqsDestination } from 'aws-cdk-lib/aws-s3-notifications';
import type { Construct } from 'constructs';
import { LaneQueue } from './job-queue.ts';

/** Checkpoints only save work: after this long they are not worth their storage. */
const CHECKPOINT_DAYS = 30;

export class JobStack extends Stack {
  readonly bucket: Bucket;
  readonly generate: LaneQueue;
  readonly finish: LaneQueue;
  readonly notify: LaneQueue;

  constructor(scope: Construct, id: string, props?: StackProps) {
    super(scope, id, props);
    this.bucket = new Bucket(this, 'Bucket', {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      encryption: BucketEncryption.S3_MANAGED,
      enforceSSL: true,
      removalPolicy: RemovalPolicy.RETAIN,
      lifecycleRules: [
        { id: 'expire-checkpoints', prefix: 'checkpoints/', expiration: Duration.days(CHECKPOINT_DAYS) },
        { id: 'abort-uploads', abortIncompleteMultipartUploadAfter: Duration.days(1) },
      ],
    });

    this.generate = new LaneQueue(this, 'Generate', { visibility: Duration.minutes(2), maxReceiveCount: 20 });
    this.finish = new LaneQueue(this, 'Finish', { visibility: Duration.minutes(2), maxReceiveCount: 20 });
    // The retry schedule of Standard Webhooks has ten attempts; each comes back as a receive.
    this.notify = new LaneQueue(this, 'Notify', { visibility: Duration.minutes(1), maxReceiveCount: 20 });

    this.bucket.addEventNotification(EventType.OBJECT_CREATED, new SqsDestination(this.generate.queue), {
      prefix: 'jobs/',
      suffix: '.json',
    });

    new CfnOutput(this, 'Store', { value: `s3://${this.bucket.bucketName}` });
    new CfnOutput(this, 'QueueGenerate', { value: this.generate.queue.queueUrl });
    new CfnOutput(this, 'QueueFinish', { value: this.finish.queue.queueUrl });
    new CfnOutput(this, 'QueueNotify', { value: this.notify.queue.queueUrl });
  }
}
