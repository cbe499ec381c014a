/** One lane's queue with its dead-letter queue. */
import { Duration } from 'aws-cdk-lib';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';

export interface LaneQueueProps {
  /**
   * How long a message stays hidden after a receive. Workers extend it while they advance, so it only has to
   * outlast one heartbeat: the shorter it is, the sooner another worker takes over from a dead one.
   */
  readonly visibility: Duration;
  /**
   * Receives before SQS itself moves a message to the dead-letter queue. High on purpose: every spot kill costs
   * a receive, and the count that decides about poison jobs is kept in the job's own status record.
   */
  readonly maxReceiveCount: number;
}

export class LaneQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: LaneQueueProps) {
    super(scope, id);
    this.deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: Duration.days(14),
    });
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: props.visibility,
      receiveMessageWaitTime: Duration.seconds(20),
      retentionPeriod: Duration.days(14),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.maxReceiveCount },
    });
  }
}
