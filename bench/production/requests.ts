/** Requests by kind, and what they cost at AWS' list prices. */

export interface RequestsPerJob {
  readonly s3: number;
  readonly sqs: number;
  /** By operation as the server saw them, e.g. `s3 PUT`. */
  readonly byOperation: Readonly<Record<string, number>>;
}

type Counts = Readonly<Record<string, number>>;

/** @param own requests of whoever measures, to be left out */
export function requestsPerJob(before: Counts, after: Counts, jobs: number, own: Counts = {}): RequestsPerJob {
  const byOperation: Record<string, number> = {};
  let s3 = 0;
  let sqs = 0;
  for (const [operation, count] of Object.entries(after)) {
    const each = (count - (before[operation] ?? 0) - (own[operation] ?? 0)) / jobs;
    if (each === 0) continue;
    byOperation[operation] = Number(each.toFixed(3));
    if (operation.startsWith('s3 ')) s3 += each;
    else sqs += each;
  }
  return { s3, sqs, byOperation };
}

/**
 * Dollars a request: S3 Standard and SQS standard queues in us-east-1, without free tiers, transfer and storage.
 * https://aws.amazon.com/s3/pricing, https://aws.amazon.com/sqs/pricing
 */
const PRICES = { write: 0.005 / 1000, read: 0.0004 / 1000, free: 0, sqs: 0.4 / 1_000_000 } as const;

export function dollarsPerThousand({ byOperation }: RequestsPerJob): number {
  const each = Object.entries(byOperation).reduce((sum, [operation, count]) => sum + count * priceOf(operation), 0);
  return each * 1000;
}

function priceOf(operation: string): number {
  if (!operation.startsWith('s3 ')) return PRICES.sqs;
  if (operation === 's3 DELETE') return PRICES.free;
  return operation === 's3 GET' || operation === 's3 HEAD' ? PRICES.read : PRICES.write;
}
