/** The S3 client as Espalier wants it: any S3-compatible endpoint, retries with jitter, bounded waits, checksums. */
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { type AwsClientOptions, awsConnections, awsRetries } from '@espalier/contracts';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/**
 * Endpoint: by default AWS, or `AWS_ENDPOINT_URL_S3` / `AWS_ENDPOINT_URL`. Region: the AWS chain's; `us-east-1` beside an
 * endpoint, which most servers ignore. Idle timeout: 20 s.
 */
export interface S3ClientOptions extends AwsClientOptions {
  /** `https://host/bucket/key` in place of `https://bucket.host/key`. @defaultValue true beside an endpoint */
  readonly pathStyle?: boolean;
  /** Goes over everything else: credentials, a handler of one's own, a logger. */
  readonly client?: Partial<S3ClientConfig>;
}

const IDLE_TIMEOUT = 20_000;

export function makeS3Client(options: S3ClientOptions = {}): S3Client {
  const endpoint = options.endpoint ?? process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL;
  const region = options.region ?? (endpoint !== undefined && !process.env.AWS_REGION ? 'us-east-1' : undefined);
  return new S3Client({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    forcePathStyle: options.pathStyle ?? endpoint !== undefined,
    ...awsRetries(options),
    requestHandler: new NodeHttpHandler(awsConnections(options, IDLE_TIMEOUT)),
    ...options.client,
  });
}
