/** Opens an SQS queue without loading the AWS client in programs that never use one. */
import { parseQueue } from '@espalier/contracts';
import type { JobQueue } from '../job-queue.ts';
import type { SqsClientOptions } from './client.ts';
import type { SqsFacts } from './inspect.ts';
import type { SqsQueue, SqsQueueOptions } from './sqs-queue.ts';

/**
 * @param url the queue's URL
 * @param source the variable or option it came from, for the error
 * @throws TerminalError SETTING_INVALID
 * @throws RetryableError QUEUE_*: the queue cannot be reached or used now
 */
export async function openSqsQueue(
  url: string,
  options: SqsQueueOptions = {},
  source = 'ESPALIER_QUEUE_GENERATE',
): Promise<JobQueue & Pick<SqsQueue, 'deadLetterUrl' | 'close'>> {
  parseQueue(url, source);
  const { SqsQueue } = await import('./sqs-queue.ts');
  const queue = new SqsQueue(url, options);
  await queue.depth();
  return queue;
}

/** See `inspectQueue`. @throws RetryableError QUEUE_*: it cannot be asked at all */
export async function inspectSqsQueue(url: string, options: SqsClientOptions = {}): Promise<SqsFacts> {
  const { inspectQueue } = await import('./inspect.ts');
  return inspectQueue(url, options);
}
