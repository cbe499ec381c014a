/** The SQS client as Espalier wants it: any endpoint, retries with jitter, waits longer than the longest poll. */
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import { NodeHttpHandler } from '@smithy/node-http-handler';

export interface SqsClientOptions {
  /** URL of an SQS-compatible server. @defaultValue the queue URL's own host, unless it is AWS' */
  readonly endpoint?: string;
  /** @defaultValue the region in the queue's URL, then the AWS chain's */
  readonly region?: string;
  /** Tries of one request: server faults, throttling and broken connections are tried again. @defaultValue 6 */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a connection counts as dead. @defaultValue 30,000 */
  readonly idleTimeout?: number;
  /** Goes over everything else: credentials, a handler of one's own, a logger. */
  readonly client?: Partial<SQSClientConfig>;
}

/** `idleTimeout` lies above SQS' longest poll of 20 s, in which not a byte comes. */
const SQS_CLIENT_DEFAULTS = { attempts: 6, idleTimeout: 30_000, connectTimeout: 3000, sockets: 64 } as const;

/** @param queueUrl decides region and endpoint where the options name none */
export function makeSqsClient(queueUrl: string, options: SqsClientOptions = {}): SQSClient {
  const { origin, hostname } = new URL(queueUrl);
  const aws = /^(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?$/.exec(hostname);
  const endpoint = options.endpoint ?? (aws === null ? origin : undefined);
  const region = options.region ?? aws?.[1] ?? aws?.[2] ?? (process.env.AWS_REGION ? undefined : 'us-east-1');
  return new SQSClient({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    retryMode: 'standard',
    maxAttempts: options.attempts ?? SQS_CLIENT_DEFAULTS.attempts,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: SQS_CLIENT_DEFAULTS.connectTimeout,
      socketTimeout: options.idleTimeout ?? SQS_CLIENT_DEFAULTS.idleTimeout,
      httpAgent: { keepAlive: true, maxSockets: SQS_CLIENT_DEFAULTS.sockets },
      httpsAgent: { keepAlive: true, maxSockets: SQS_CLIENT_DEFAULTS.sockets },
    }),
    ...options.client,
  });
}
