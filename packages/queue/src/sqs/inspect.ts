/**
 * Looks at a queue without touching a message. What an identity may do is found by requests that cannot succeed: who
 * is not allowed to is refused as such, everybody else for what is wrong with the request.
 */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSServiceException,
} from '@aws-sdk/client-sqs';
import { makeSqsClient, type SqsClientOptions } from './client.ts';
import { isDenied, sqsError } from './errors.ts';
import { SqsQueue } from './sqs-queue.ts';

export interface SqsFacts {
  /** Messages that wait, and that somebody works on; approximately. */
  readonly visible: number;
  readonly inFlight: number;
  /** Actions that are refused, e.g. `sqs:DeleteMessage`. */
  readonly denied: readonly string[];
  readonly deadLetterUrl: string | undefined;
  readonly deadLetters: number | undefined;
}

/** @throws RetryableError QUEUE_*: it cannot be asked at all */
export async function inspectQueue(url: string, options: SqsClientOptions = {}): Promise<SqsFacts> {
  const client = makeSqsClient(url, { attempts: 2, ...options });
  try {
    const { Attributes: attributes = {} } = await client.send(
      new GetQueueAttributesCommand({
        QueueUrl: url,
        AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
      }),
    );
    const handle = { QueueUrl: url, ReceiptHandle: 'none' };
    const requests: Record<string, () => Promise<unknown>> = {
      // A character that XML does not have, a delay beyond the longest: other servers check the one or the other.
      'sqs:SendMessage': () =>
        client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '\u0001', DelaySeconds: 100_000 })),
      // More than SQS gives at once.
      'sqs:ReceiveMessage': () => client.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 1000 })),
      'sqs:DeleteMessage': () => client.send(new DeleteMessageCommand(handle)),
      'sqs:ChangeMessageVisibility': () =>
        client.send(new ChangeMessageVisibilityCommand({ ...handle, VisibilityTimeout: 0 })),
    };
    const denied: string[] = [];
    for (const [action, request] of Object.entries(requests)) {
      try {
        await request();
      } catch (thrown) {
        if (isDenied(thrown)) denied.push(action);
        else if (!(thrown instanceof SQSServiceException)) throw thrown;
      }
    }
    return {
      visible: Number(attributes.ApproximateNumberOfMessages ?? 0),
      inFlight: Number(attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
      denied,
      ...(await deadLettersOf(url, options)),
    };
  } catch (thrown) {
    throw sqsError(thrown, url, 'asking for attributes');
  } finally {
    client.destroy();
  }
}

async function deadLettersOf(
  url: string,
  options: SqsClientOptions,
): Promise<Pick<SqsFacts, 'deadLetterUrl' | 'deadLetters'>> {
  const queue = new SqsQueue(url, options);
  try {
    const deadLetterUrl = await queue.deadLetterUrl();
    const dead = new SqsQueue(deadLetterUrl, options);
    try {
      return { deadLetterUrl, deadLetters: await dead.depth() };
    } finally {
      dead.close();
    }
  } catch (thrown) {
    if ((thrown as { code?: string }).code === 'QUEUE_NO_DEAD_LETTERS') {
      return { deadLetterUrl: undefined, deadLetters: undefined };
    }
    throw thrown;
  } finally {
    queue.close();
  }
}
