/**
 * RunPod's public API of one endpoint: as much of it as feeding jobs takes.
 *
 * Source: runpod/docs, `serverless/endpoints/{send-requests,operation-reference,job-states}.mdx`.
 */
import { type Clock, parseRetryAfter, RetryableError, systemClock } from '@espalier/contracts';
import { z } from 'zod';

/** A state that RunPod may add later is one that is worth asking again about. */
const StateSchema = z
  .enum(['IN_QUEUE', 'IN_PROGRESS', 'COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT'])
  .or(z.string().transform(() => 'IN_PROGRESS' as const));
export type RemoteState = z.output<typeof StateSchema>;

const RunSchema = z.object({ id: z.string().min(1), status: StateSchema.optional() });
const StatusSchema = z.object({ id: z.string().optional(), status: StateSchema });

export interface EndpointOptions {
  /** Up to and without the endpoint's id. */
  readonly url: string;
  readonly endpointId: string;
  readonly apiKey: string;
  /** RunPod ends a job that runs longer, in seconds. */
  readonly timeoutSeconds: number;
  /** Where RunPod posts the end of a job. */
  readonly webhook?: string | undefined;
  /** @defaultValue the global one */
  readonly fetch?: typeof fetch;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

/** A job that no worker took for this long is forgotten by RunPod, and sent again: seconds. */
const TTL = 24 * 3600;
/** Milliseconds for one exchange. */
const PATIENCE = 30_000;

export class Endpoint {
  readonly id: string;
  readonly #options: EndpointOptions;
  readonly #fetch: typeof fetch;
  readonly #clock: Clock;

  constructor(options: EndpointOptions) {
    this.id = options.endpointId;
    this.#options = options;
    this.#fetch = options.fetch ?? fetch;
    this.#clock = options.clock ?? systemClock;
  }

  /**
   * Sends a job. One whose answer was lost may have been taken all the same: it is then there twice, and whichever
   * worker comes second finds it claimed.
   *
   * @returns RunPod's id of it
   * @throws RetryableError RUNPOD_*
   */
  async run(input: unknown): Promise<string> {
    const { timeoutSeconds, webhook } = this.#options;
    const body = {
      input,
      ...(webhook !== undefined && { webhook }),
      policy: { executionTimeout: timeoutSeconds * 1000, ttl: TTL * 1000 },
    };
    const response = await this.#call('POST', 'run', body);
    if (!response.ok) throw await refusal(response, 'sending a job', this.#clock.now());
    return parse(RunSchema, await response.text(), 'sending a job').id;
  }

  /**
   * @returns undefined when RunPod knows nothing of the job (any more): it keeps ends for 30 minutes
   * @throws RetryableError RUNPOD_*
   */
  async status(id: string): Promise<RemoteState | undefined> {
    const response = await this.#call('GET', `status/${encodeURIComponent(id)}`);
    if (response.status === 404) {
      await response.body?.cancel();
      return undefined;
    }
    if (!response.ok) throw await refusal(response, 'asking for a state', this.#clock.now());
    return parse(StatusSchema, await response.text(), 'asking for a state').status;
  }

  /** Takes a job off RunPod's hands; that it is over or unknown is no error. @throws RetryableError RUNPOD_* */
  async cancel(id: string): Promise<void> {
    const response = await this.#call('POST', `cancel/${encodeURIComponent(id)}`);
    if (!response.ok && response.status !== 404 && response.status !== 400)
      throw await refusal(response, 'cancelling', this.#clock.now());
    await response.body?.cancel();
  }

  async #call(method: 'GET' | 'POST', path: string, body?: unknown): Promise<Response> {
    const { url, endpointId, apiKey } = this.#options;
    try {
      return await this.#fetch(`${url}/${endpointId}/${path}`, {
        method,
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(PATIENCE),
      });
    } catch (cause) {
      throw new RetryableError('RunPod cannot be reached', { code: 'RUNPOD_UNREACHABLE', cause });
    }
  }
}

async function refusal(response: Response, doing: string, now: number): Promise<RetryableError> {
  await response.body?.cancel();
  const { status } = response;
  const after = parseRetryAfter(response.headers.get('retry-after'), now) ?? 0;
  // What is wrong with a key or an endpoint is mended by people, and then the jobs are still there.
  const remedy = [401, 403].includes(status)
    ? 'give RUNPOD_API_KEY a key that may use this endpoint'
    : status === 404
      ? 'see whether ESPALIER_RUNPOD_ENDPOINT names an endpoint that exists'
      : undefined;
  return new RetryableError(`${doing} was answered with ${status}`, {
    code: status === 429 ? 'RUNPOD_BUSY' : status >= 500 ? 'RUNPOD_FAULT' : 'RUNPOD_REFUSED',
    ...(remedy !== undefined && { remedy }),
    ...(after > 0 && { retryAfterSeconds: Math.min(after, 300) }),
  });
}

function parse<S extends z.ZodType>(schema: S, text: string, doing: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new RetryableError(`${doing} was answered with something else`, { code: 'RUNPOD_FAULT', cause });
  }
}
