/** The SQS client as Espalier wants it: any endpoint, retries with jitter, waits longer than the longest poll. */
import { SQSClient, type SQSClientConfig } from '@aws-sdk/client-sqs';
import { type AwsClientOptions, awsConnections, awsRetries } from '@espalier/contracts';
import { NodeHttpHandler } from '@smithy/node-http-handler';

/**
 * Endpoint: by default the queue URL's own host, unless it is AWS'. Region: the one in the queue's URL, then the AWS
 * chain's. Idle timeout: 30 s.
 */
export interface SqsClientOptions extends AwsClientOptions {
  /** Goes over everything else: credentials, a handler of one's own, a logger. */
  readonly client?: Partial<SQSClientConfig>;
}

/** Above SQS' longest poll of 20 s, in which not a byte comes. */
const IDLE_TIMEOUT = 30_000;

/** @param queueUrl decides region and endpoint where the options name none */
export function makeSqsClient(queueUrl: string, options: SqsClientOptions = {}): SQSClient {
  const { origin, hostname } = new URL(queueUrl);
  const aws = /^(?:sqs\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.amazonaws\.com(?:\.cn)?$/.exec(hostname);
  const endpoint = options.endpoint ?? (aws === null ? origin : undefined);
  const region = options.region ?? aws?.[1] ?? aws?.[2] ?? (process.env.AWS_REGION ? undefined : 'us-east-1');
  return new SQSClient({
    ...(endpoint !== undefined && { endpoint }),
    ...(region !== undefined && { region }),
    ...awsRetries(options),
    requestHandler: new NodeHttpHandler(awsConnections(options, IDLE_TIMEOUT)),
    ...options.client,
  });
}
