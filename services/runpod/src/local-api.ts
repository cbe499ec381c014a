/**
 * `--rp_serve_api`: the development API of RunPod's own worker. `/run` only notes the job; `/status/{id}` runs it
 * and answers with the result; `/runsync` does both. For anything more, run the gateway.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { isObject, parseJobBody, RejectedError, shownValue } from '@espalier/contracts';
import type { Sender } from '@espalier/notifier';
import type { TakenJob } from './platform.ts';
import { type LocalContext, type LocalResult, runOnce } from './run-once.ts';

export interface LocalApiOptions extends LocalContext {
  /** `RUNPOD_ENDPOINT_ID`: adds `/{id}/realtime`. */
  readonly endpointId?: string | undefined;
  readonly signal: AbortSignal;
  /** Tells webhooks, of addresses that they may go to. */
  readonly sender: Pick<Sender, 'post'>;
}

interface Noted extends TakenJob {
  readonly webhook?: string;
}

const BODY_MAX = 256 * 1024;

/** @returns a server that is not listening yet */
export function createLocalApi(options: LocalApiOptions): Server {
  const noted = new Map<string, Noted>();
  const server = createServer((request, response) => {
    void answer(options, noted, request)
      .catch((error: unknown): Answered => {
        if (error instanceof RejectedError) return [400, { error: error.message }];
        options.logger.error({ err: error }, 'a request failed');
        return [500, { error: 'something went wrong on the server' }];
      })
      .then(([status, body]) => {
        const text = JSON.stringify(body);
        response
          .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
          .end(text);
      });
  });
  options.signal.addEventListener('abort', () => server.close());
  return server;
}

type Answered = readonly [status: number, body: object];

async function answer(
  options: LocalApiOptions,
  noted: Map<string, Noted>,
  request: IncomingMessage,
): Promise<Answered> {
  const path = new URL(request.url ?? '/', 'http://localhost').pathname;
  if (request.method === 'GET' && (path === '/' || path === '/docs')) return [200, PAGE];
  if (request.method !== 'POST') return [404, { error: `there is no ${request.method} ${path}` }];
  const [, operation = '', id = ''] = path.split('/');
  if (path === '/run' || path === '/runsync') {
    const job = { ...requestOf(await bodyOf(request)), id: `test-${randomUUID()}` };
    if (path === '/runsync') return [200, await execute(options, job)];
    noted.set(job.id, job);
    return [200, { id: job.id, status: 'IN_PROGRESS' }];
  }
  if (operation === 'status') {
    const job = noted.get(id);
    if (job === undefined) return [200, { id, status: 'FAILED', error: 'Job ID not found' }];
    const result = await execute(options, job);
    noted.delete(id);
    return [200, result];
  }
  if (operation === 'stream') {
    const error = noted.has(id) ? 'Stream not supported, handler must be a generator.' : 'Job ID not found';
    return [200, { id, status: 'FAILED', error }];
  }
  if (operation === options.endpointId && id === 'realtime') {
    const body = await bodyOf(request);
    const taken = isObject(body) && typeof body.id === 'string' ? { id: body.id, input: body.input } : undefined;
    return taken === undefined
      ? [400, { error: "'id' is missing" }]
      : [200, await runOnce(options, taken, options.signal)];
  }
  return [404, { error: `there is no POST ${path}` }];
}

async function execute(options: LocalApiOptions, job: Noted): Promise<object> {
  const result = await runOnce(options, job, options.signal);
  if ('error' in result) return { id: job.id, status: 'FAILED', error: result.error };
  if (job.webhook !== undefined) void tell(options, job.webhook, result);
  return { id: job.id, status: 'COMPLETED', output: result.output };
}

/** Once, as RunPod's own development API does: it is for trying things out. */
async function tell(options: LocalApiOptions, url: string, result: LocalResult): Promise<void> {
  const sent = await options.sender.post(url, JSON.stringify(result), {});
  if (sent.kind === 'delivered') return;
  const why = 'error' in sent ? sent.error : `answered ${sent.status}`;
  options.logger.warn({ url }, `the webhook was not told: ${why}`);
}

/** @throws RejectedError INPUT_MISSING */
function requestOf(body: unknown): Omit<Noted, 'id'> {
  if (!isObject(body) || !isObject(body.input)) {
    throw new RejectedError("'input' must be an object", {
      code: 'INPUT_MISSING',
      field: 'input',
      remedy: `send {"input": {"prompt": "A wooden treasure chest"}}, not ${shownValue(body)}`,
    });
  }
  return { input: body.input, ...(typeof body.webhook === 'string' && { webhook: body.webhook }) };
}

/** @throws RejectedError BODY_* */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size > BODY_MAX) throw new RejectedError('the body is too large', { code: 'BODY_TOO_LARGE' });
    chunks.push(chunk);
  }
  return parseJobBody(Buffer.concat(chunks));
}

const PAGE = {
  title: 'Espalier RunPod worker, development API',
  routes: {
    'POST /run': 'notes a job: {"input": {"prompt": "A wooden treasure chest"}}',
    'POST /status/{id}': 'runs it and answers with the result',
    'POST /runsync': 'both at once',
  },
};
