/** A standard SQS queue, or any server that speaks its protocol. */
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { type Clock, systemClock, TerminalError } from '@espalier/contracts';
import { delayOf } from '../delay.ts';
import type { JobQueue, QueueMessage, SendOptions } from '../job-queue.ts';
import { makeSqsClient, type SqsClientOptions } from './client.ts';
import { isLeaseLost, leaseLost, sqsError } from './errors.ts';

export interface SqsQueueOptions extends SqsClientOptions {
  /** Seconds a received message stays hidden unless extended. @defaultValue 120 */
  readonly visibilitySeconds?: number;
  /** Where `deadLetter` moves messages. @defaultValue the queue's own redrive target */
  readonly deadLetterUrl?: string;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

const SQS_QUEUE_DEFAULTS = { visibilitySeconds: 120 } as const;

const WAIT_MAX = 20;
const BODY_MAX_BYTES = 1024 * 1024;
/** SQS counts from the receive and forgives no extension: seconds. */
const LEASE_MAX = 12 * 3600;
/** Message attributes of a dead letter. */
const REASON_ATTRIBUTE = 'EspalierReason';
const SOURCE_ATTRIBUTE = 'EspalierSource';
const REASON_MAX = 2000;

export class SqsQueue implements JobQueue {
  readonly location: string;
  readonly #client: SQSClient;
  readonly #visibility: number;
  readonly #clock: Clock;
  #deadLetterUrl: Promise<string> | undefined;

  /** @param url the queue's URL, as AWS shows it */
  constructor(url: string, options: SqsQueueOptions = {}) {
    this.location = url;
    this.#client = makeSqsClient(url, options);
    this.#visibility = options.visibilitySeconds ?? SQS_QUEUE_DEFAULTS.visibilitySeconds;
    this.#clock = options.clock ?? systemClock;
    if (options.deadLetterUrl !== undefined) this.#deadLetterUrl = Promise.resolve(options.deadLetterUrl);
  }

  async send(body: string, options: SendOptions = {}): Promise<void> {
    const delay = delayOf(options);
    const size = Buffer.byteLength(body);
    if (size > BODY_MAX_BYTES) {
      throw new TerminalError(`a message of ${size} bytes cannot be sent: SQS takes ${BODY_MAX_BYTES}`, {
        code: 'QUEUE_BODY_INVALID',
        remedy: 'put the object into the bucket and send its key',
      });
    }
    await this.#attempt('sending a message', () =>
      this.#client.send(
        new SendMessageCommand({
          QueueUrl: this.location,
          MessageBody: body,
          // Without the field the queue's own delay holds.
          ...(options.delaySeconds !== undefined && { DelaySeconds: Math.ceil(delay) }),
        }),
      ),
    );
  }

  async receive(options: {
    readonly max: number;
    readonly waitSeconds: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage[]> {
    const { signal } = options;
    if (signal?.aborted) return [];
    try {
      const answer = await this.#client.send(
        new ReceiveMessageCommand({
          QueueUrl: this.location,
          MaxNumberOfMessages: Math.min(10, options.max),
          WaitTimeSeconds: Math.min(WAIT_MAX, Math.max(0, Math.floor(options.waitSeconds))),
          VisibilityTimeout: this.#visibility,
          MessageSystemAttributeNames: ['ApproximateReceiveCount', 'SentTimestamp'],
          MessageAttributeNames: [REASON_ATTRIBUTE],
        }),
        signal === undefined ? {} : { abortSignal: signal },
      );
      const now = this.#clock.now();
      return (answer.Messages ?? []).map((message) => this.#lease(message, now));
    } catch (thrown) {
      if (signal?.aborted) return [];
      throw sqsError(thrown, this.location, 'receiving messages');
    }
  }

  async depth(): Promise<number> {
    return Number((await this.#attributes('ApproximateNumberOfMessages')) ?? 0);
  }

  /** URL of the queue that this one's dead letters go to. @throws TerminalError QUEUE_NO_DEAD_LETTERS */
  deadLetterUrl(): Promise<string> {
    this.#deadLetterUrl ??= this.#findDeadLetterUrl().catch((error: unknown) => {
      this.#deadLetterUrl = undefined; // it may be there next time
      throw error;
    });
    return this.#deadLetterUrl;
  }

  /** Closes idle connections. */
  close(): void {
    this.#client.destroy();
  }

  #lease(message: Message, receivedAt: number): QueueMessage {
    const handle = { QueueUrl: this.location, ReceiptHandle: message.ReceiptHandle };
    const body = message.Body ?? '';
    // Servers are lenient about a message that shows again and nobody took yet. It is no longer ours all the same.
    let hiddenUntil = receivedAt + this.#visibility * 1000;
    const remove = async () => {
      try {
        await this.#client.send(new DeleteMessageCommand(handle));
      } catch (thrown) {
        // Another delivery has taken over and will find the work done.
        if (!isLeaseLost(thrown)) throw sqsError(thrown, this.location, 'deleting a message');
      }
    };
    return {
      id: message.MessageId ?? '',
      body,
      receiveCount: Number(message.Attributes?.ApproximateReceiveCount ?? 1),
      sentAt: Number(message.Attributes?.SentTimestamp ?? 0),
      delete: remove,
      extend: async (seconds) => {
        const now = this.#clock.now();
        const left = LEASE_MAX - Math.ceil((now - receivedAt) / 1000);
        if (left <= 0 || now >= hiddenUntil) throw leaseLost();
        try {
          const VisibilityTimeout = Math.min(Math.ceil(seconds), left);
          await this.#client.send(new ChangeMessageVisibilityCommand({ ...handle, VisibilityTimeout }));
          hiddenUntil = now + VisibilityTimeout * 1000;
        } catch (thrown) {
          throw isLeaseLost(thrown)
            ? leaseLost(thrown)
            : sqsError(thrown, this.location, 'extending the lease of a message');
        }
      },
      deadLetter: async (reason) => {
        await this.#bury(body, reason);
        await remove();
      },
    };
  }

  async #bury(body: string, reason: string): Promise<void> {
    const QueueUrl = await this.deadLetterUrl();
    const text = (value: string) => ({ DataType: 'String', StringValue: value });
    // Attributes count towards the size of a message; the body matters more.
    const room = BODY_MAX_BYTES - Buffer.byteLength(body);
    const attributes = {
      [REASON_ATTRIBUTE]: text(attributeText(reason)),
      [SOURCE_ATTRIBUTE]: text(this.location.slice(0, 500)),
    };
    await this.#attempt('moving a message to the dead letters', () =>
      this.#client.send(
        new SendMessageCommand({
          QueueUrl,
          MessageBody: body,
          ...(room > 4 * REASON_MAX + 1000 && { MessageAttributes: attributes }),
        }),
      ),
    );
  }

  async #findDeadLetterUrl(): Promise<string> {
    const policy = await this.#attributes('RedrivePolicy');
    const arn = policy === undefined ? undefined : String(JSON.parse(policy).deadLetterTargetArn ?? '');
    // arn:aws:sqs:region:account:name
    const [, , , , account, name] = (arn ?? '').split(':');
    if (account === undefined || name === undefined) {
      throw new TerminalError(`${this.location} has no dead-letter queue`, {
        code: 'QUEUE_NO_DEAD_LETTERS',
        remedy: 'give the queue a redrive policy',
      });
    }
    return this.#attempt('looking up the dead-letter queue', async () => {
      const answer = await this.#client.send(
        new GetQueueUrlCommand({ QueueName: name, QueueOwnerAWSAccountId: account }),
      );
      return answer.QueueUrl ?? '';
    });
  }

  async #attributes(name: 'ApproximateNumberOfMessages' | 'RedrivePolicy'): Promise<string | undefined> {
    return this.#attempt('asking for attributes', async () => {
      const answer = await this.#client.send(
        new GetQueueAttributesCommand({ QueueUrl: this.location, AttributeNames: [name] }),
      );
      return answer.Attributes?.[name];
    });
  }

  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw sqsError(thrown, this.location, doing);
    }
  }
}

/** What SQS takes in an attribute: no empty text, no control characters. */
function attributeText(reason: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to take out
  const clean = reason.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]/g, '?').slice(0, REASON_MAX);
  return clean === '' ? 'no reason given' : clean;
}
