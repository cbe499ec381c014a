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

/** The longest that SQS has: a fleet may stand still over the holidays. */
const RETENTION = Duration.days(14);

export class LaneQueue extends Construct {
  readonly queue: Queue;
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: LaneQueueProps) {
    super(scope, id);
    this.deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      retentionPeriod: RETENTION,
    });
    this.queue = new Queue(this, 'Queue', {
      encryption: QueueEncryption.SQS_MANAGED,
      enforceSSL: true,
      visibilityTimeout: props.visibility,
      // Long polls: an idle worker costs three requests a minute.
      receiveMessageWaitTime: Duration.seconds(20),
      retentionPeriod: RETENTION,
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: props.maxReceiveCount },
    });
  }
}
