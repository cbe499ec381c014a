/** One try of one delivery over HTTP. */
import { type Clock, EspalierError, ensureError, parseRetryAfter } from '@espalier/contracts';
import { Agent, type Dispatcher, request } from 'undici';
import { type AddressRules, checkUrl, guardedLookup, type Resolve } from './address-guard.ts';

export interface SenderOptions extends AddressRules {
  readonly allowHttp: boolean;
  readonly clock: Clock;
  /** For the whole exchange. Milliseconds. @defaultValue 20,000 */
  readonly timeout?: number;
  /** @defaultValue the system's resolver */
  readonly resolve?: Resolve;
  readonly userAgent?: string;
  /** TLS settings of one's own, e.g. a private certificate authority. */
  readonly tls?: { readonly ca?: string };
}

export type SendResult =
  /** 2xx. */
  | { readonly kind: 'delivered'; readonly status: number }
  /** May work another time. */
  | { readonly kind: 'failed'; readonly status?: number; readonly error: string; readonly retryAfter?: number }
  /** 410: the receiver wants no more. */
  | { readonly kind: 'gone'; readonly status: number }
  /** The address is none that webhooks go to. */
  | { readonly kind: 'refused'; readonly error: string };

export const SEND_TIMEOUT = 20_000;

export class Sender {
  readonly #options: SenderOptions;
  readonly #agent: Agent;

  constructor(options: SenderOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connect: { lookup: guardedLookup(options, options.resolve), timeout: 5000, ...options.tls },
      // Each try makes its own connection, and so has its own address checked.
      pipelining: 0,
      maxResponseSize: 1024 * 1024,
    });
  }

  async post(url: string, body: string, headers: Readonly<Record<string, string>>): Promise<SendResult> {
    try {
      const target = new URL(url);
      checkUrl(target, this.#options);
      // Redirects are not followed: an address behind one was never the job's to name.
      const answer = await request(target, {
        method: 'POST',
        body,
        headers: {
          'content-type': 'application/json',
          'user-agent': this.#options.userAgent ?? 'Espalier-Webhooks',
          ...headers,
        },
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(this.#options.timeout ?? SEND_TIMEOUT),
      });
      // Whatever it says is read to its end, within bounds, and thrown away.
      await answer.body.dump({ limit: 64 * 1024 }).catch(() => {});
      return this.#judge(answer);
    } catch (thrown) {
      return failureOf(thrown);
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  #judge({ statusCode: status, headers }: Dispatcher.ResponseData): SendResult {
    if (status >= 200 && status < 300) return { kind: 'delivered', status };
    if (status === 410) return { kind: 'gone', status };
    const header = headers['retry-after'];
    const retryAfter = parseRetryAfter(Array.isArray(header) ? header[0] : header, this.#options.clock.now());
    const error = status < 400 ? `answered ${status}: redirects are not followed` : `answered ${status}`;
    return { kind: 'failed', status, error, ...(retryAfter !== undefined && { retryAfter }) };
  }
}

function failureOf(thrown: unknown): SendResult {
  // undici wraps what the lookup threw.
  for (let error: unknown = thrown; error instanceof Error; error = error.cause) {
    if (error instanceof EspalierError) return { kind: 'refused', error: error.message };
  }
  const error = ensureError(thrown);
  const inner = error.cause instanceof Error ? `: ${error.cause.message}` : '';
  return { kind: 'failed', error: `${error.name}: ${error.message}${inner}`.slice(0, 500) };
}
