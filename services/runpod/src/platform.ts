/** RunPod's side of the worker protocol: taking jobs, hearing of stops, handing results over. */
import { RetryableError, TerminalError } from '@espalier/contracts';
import { z } from 'zod';
import type { RunpodEnvironment } from './environment.ts';

export const TakenJobSchema = z.looseObject({ id: z.string().min(1), input: z.unknown().optional() });
export type TakenJob = z.infer<typeof TakenJobSchema>;
const StopSchema = z.object({ jobsToStop: z.array(z.unknown()) });

export interface PlatformOptions {
  readonly environment: RunpodEnvironment;
  /** @defaultValue the global one */
  readonly fetch?: typeof fetch;
}

/** Longest poll in milliseconds: the server holds the request open until there is a job. */
const POLL = 90_000;
/** RunPod's own worker gives a whole exchange ten minutes; a result of 20 MB is through in less. */
const POST = 120_000;

export class Platform {
  readonly environment: RunpodEnvironment;
  readonly #fetch: typeof fetch;

  constructor(options: PlatformOptions) {
    this.environment = options.environment;
    this.#fetch = options.fetch ?? fetch;
  }

  /**
   * Asks for up to `count` jobs. Empty: there are none now (204, 400 with FlashBoot, or the poll is over).
   *
   * @throws RetryableError TOO_MANY_REQUESTS, TAKE_FAILED
   */
  async take(count: number, busy: boolean, signal: AbortSignal): Promise<TakenJob[]> {
    const { takeUrl } = this.environment;
    if (takeUrl === undefined)
      throw new TerminalError('this worker was not told where jobs are', { code: 'NO_TAKE_URL' });
    const batch = count > 1 ? `${takeUrl.replace('/job-take/', '/job-take-batch/')}&batch_size=${count}` : takeUrl;
    const response = await this.#poll(`${batch}&job_in_progress=${busy ? 1 : 0}`, signal);
    if (response === undefined) return [];
    if (response.status === 204 || response.status === 400) {
      await response.body?.cancel();
      return [];
    }
    const body = await jsonOf(response, 'TAKE_FAILED');
    const parsed = (Array.isArray(body) ? z.array(TakenJobSchema) : TakenJobSchema.transform((job) => [job])).safeParse(
      body,
    );
    if (parsed.success) return parsed.data;
    throw new RetryableError('a job without an id was handed out', { code: 'TAKE_FAILED', cause: parsed.error });
  }

  /** Where stops are told; undefined when it cannot be told from the take URL. */
  get stopUrl(): string | undefined {
    const { takeUrl } = this.environment;
    return takeUrl?.includes('/job-take/') === true ? takeUrl.replace('/job-take/', '/job-stop/') : undefined;
  }

  /** Waits for ids of jobs that shall stop. @throws RetryableError TOO_MANY_REQUESTS, STOP_FAILED */
  async stops(signal: AbortSignal): Promise<string[]> {
    const response = this.stopUrl === undefined ? undefined : await this.#poll(this.stopUrl, signal);
    if (response === undefined) return [];
    if (response.status === 204) {
      await response.body?.cancel();
      return [];
    }
    const parsed = StopSchema.safeParse(await jsonOf(response, 'STOP_FAILED'));
    if (!parsed.success) throw new RetryableError('the stop channel said something else', { code: 'STOP_FAILED' });
    return parsed.data.jobsToStop.filter((id) => typeof id === 'string');
  }

  doneUrl(jobId: string): string {
    const { doneUrl } = this.environment;
    if (doneUrl === undefined)
      throw new TerminalError('this worker was not told where results go', { code: 'NO_DONE_URL' });
    return `${doneUrl.replaceAll('$ID', jobId)}&isStream=false`;
  }

  /**
   * Hands over a result or progress. The content type is what RunPod expects, though the body is JSON.
   *
   * @throws RetryableError DONE_FAILED; DoneRefused when trying again cannot help
   */
  async post(url: string, jobId: string, body: string, signal?: AbortSignal): Promise<void> {
    let response: Response;
    try {
      response = await this.#fetch(url, {
        method: 'POST',
        headers: {
          ...this.#headers(),
          'content-type': 'application/x-www-form-urlencoded',
          charset: 'utf-8',
          'x-request-id': jobId,
        },
        body,
        signal: AbortSignal.any([AbortSignal.timeout(POST), ...(signal === undefined ? [] : [signal])]),
      });
      await response.arrayBuffer();
    } catch (cause) {
      throw new RetryableError('the result could not be handed over', { code: 'DONE_FAILED', cause });
    }
    if (response.ok) return;
    const message = `handing over answered ${response.status}`;
    // What the server refuses for what it is will be refused again.
    const refused = response.status < 500 && ![401, 403, 408, 425, 429].includes(response.status);
    throw refused
      ? new DoneRefused(message, { code: 'DONE_REFUSED' })
      : new RetryableError(message, { code: 'DONE_FAILED' });
  }

  #headers(): Record<string, string> {
    const { apiKey } = this.environment;
    return {
      'content-type': 'application/json',
      'user-agent': 'Espalier RunPod worker (Node.js)',
      ...(apiKey !== undefined && { authorization: apiKey }),
    };
  }

  /** Undefined when the poll was over without an answer. */
  async #poll(url: string, signal: AbortSignal): Promise<Response | undefined> {
    const timeout = AbortSignal.timeout(POLL);
    try {
      const response = await this.#fetch(url, { headers: this.#headers(), signal: AbortSignal.any([signal, timeout]) });
      if (response.status !== 429) return response;
      await response.body?.cancel();
    } catch (cause) {
      if (signal.aborted || timeout.aborted) return undefined;
      throw new RetryableError('RunPod cannot be reached', { code: 'PLATFORM_UNREACHABLE', cause });
    }
    throw new RetryableError('RunPod asks for fewer requests', { code: 'TOO_MANY_REQUESTS', retryAfterSeconds: 5 });
  }
}

/** The server will not have this body: too big, or the job is over. */
export class DoneRefused extends TerminalError {
  override readonly name = 'DoneRefused';
}

async function jsonOf(response: Response, code: string): Promise<unknown> {
  if (!response.ok) {
    await response.body?.cancel();
    throw new RetryableError(`RunPod answered ${response.status}`, { code });
  }
  if (response.headers.get('content-type')?.includes('application/json') !== true) {
    await response.body?.cancel();
    throw new RetryableError('RunPod answered something that is no JSON', { code });
  }
  try {
    return await response.json();
  } catch (cause) {
    throw new RetryableError('RunPod answered broken JSON', { code, cause });
  }
}
