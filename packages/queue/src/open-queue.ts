/** The adapter for a location from the settings. */
import type { QueueLocation } from '@espalier/contracts';
import type { JobQueue } from './job-queue.ts';
import { MemoryQueue } from './memory-queue.ts';
import { openSqsQueue } from './sqs/open.ts';

export interface OpenQueueOptions {
  /** For people and logs. */
  readonly name: string;
  /** Seconds a received message stays hidden unless extended. */
  readonly visibilitySeconds: number;
}

export async function openQueue(location: QueueLocation, options: OpenQueueOptions): Promise<JobQueue> {
  const { name, visibilitySeconds } = options;
  return location.kind === 'sqs'
    ? openSqsQueue(location.url, { visibilitySeconds })
    : new MemoryQueue({ name, visibilitySeconds });
}
