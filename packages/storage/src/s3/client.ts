/** The S3 client as Espalier wants it: any S3-compatible endpoint, retries with jitter, bounded waits, checksums. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';

export interface S3ClientOptions {
  /** URL of an S3-compatible server. @defaultValue AWS, or `AWS_ENDPOINT_URL_S3` / `AWS_ENDPOINT_URL` */
  readonly endpoint?: string;
  /** @defaultValue the AWS chain's; `us-east-1` beside an endpoint, which most servers ignore */
  readonly region?: string;
  /** `https://host/bucket/key` in place of `https://bucket.host/key`. @defaultValue true beside an endpoint */
  readonly pathStyle?: boolean;
  /** Tries of one request: server faults, throttling and broken connections are tried again. @defaultValue 6 */
  readonly attempts?: number;
  /** Milliseconds without a byte after which a connection counts as dead. @defaultValue 20,000 */
  readonly idleTimeout?: number;
  /** Goes over everything else: credentials, a handler of one's own, a logger. */
  readonly client?: Partial<S3ClientConfig>;
}

const S3_CLIENT_DEFAULTS = { attempts: 6, idleTimeout: 20_000, connectTimeout: 3000, sockets: 64 } as const;

export function makeS3Client(options: S3ClientOptions = {}): S3Client {
  const endpoint = options.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  const region = options.region ?? (endpoint !== undefined && !process.env.AWS_REGION ? 'us-east-1' : undefined);
  return new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    // The SDK's own waits: exponential with full jitter, longer after SlowDown.
    retryMode: 'standard',
    maxAttempts: options.attempts ?? S3_CLIENT_DEFAULTS.attempts,
    requestHandler: new NodeHttpHandler({
      connectionTimeout: S3_CLIENT_DEFAULTS.connectTimeout,
      socketTimeout: options.idleTimeout ?? S3_CLIENT_DEFAULTS.idleTimeout,
      httpAgent: { keepAlive: true, maxSockets: S3_CLIENT_DEFAULTS.sockets },
      httpsAgent: { keepAlive: true, maxSockets: S3_CLIENT_DEFAULTS.sockets },
    }),
    ...options.client,
  });
}
