/**
 * RunPod's side of the worker protocol, as the worker can see it: take (single and batch, held open), stop channel,
 * done, progress, ping. It is strict: what RunPod's own worker would never send is noted in `violations`.
 * Faults are scripted per route.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Environment } from '@espalier/contracts';

export const API_KEY = 'rp_test_key';
const WORKER = 'pod-1';

export interface Posted {
  readonly job: string;
  readonly at: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever was posted
  readonly body: any;
}

type Route = 'take' | 'stop' | 'done' | 'ping';
/** A status to answer with, or `hang-up` to drop the connection, or `lost`: take it, then drop the connection. */
export type Fault = number | 'hang-up' | 'lost' | { readonly text: string; readonly type: string };

export class FakeRunpod {
  readonly violations: string[] = [];
  /** Final results that the platform has taken. */
  readonly done: Posted[] = [];
  readonly progress: Posted[] = [];
  readonly pings: { readonly at: number; readonly jobs: string[] }[] = [];
  readonly takes: string[] = [];
  /** When each job left the platform, by id. */
  readonly handedOut = new Map<string, number>();
  readonly faults: Record<Route, Fault[]> = { take: [], stop: [], done: [], ping: [] };
  /** Bodies larger than this are answered with 400, as the platform does. */
  limit = 20_000_000;
  /** Longest time in milliseconds that a poll is held open. */
  hold = 5000;

  readonly #queue: { id: string; input?: unknown }[] = [];
  readonly #stops: string[] = [];
  readonly #changed = new Set<() => void>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #base = '';

  async start(port = 0): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    this.#base = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v2/ep`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#wake();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get environment(): Environment {
    return {
      RUNPOD_WEBHOOK_GET_JOB: `${this.#base}/job-take/$ID?gpu=NVIDIA+H100`,
      RUNPOD_WEBHOOK_POST_OUTPUT: `${this.#base}/job-done/$RUNPOD_POD_ID/$ID?gpu=NVIDIA+H100`,
      RUNPOD_WEBHOOK_PING: `${this.#base}/ping/$RUNPOD_POD_ID`,
      RUNPOD_PING_INTERVAL: '1000',
      RUNPOD_AI_API_KEY: API_KEY,
      RUNPOD_POD_ID: WORKER,
      RUNPOD_ENDPOINT_ID: 'ep',
    };
  }

  submit(id: string, input?: unknown): void {
    this.#queue.push({ id, ...(input !== undefined && { input }) });
    this.#wake();
  }

  stopJob(id: string): void {
    this.#stops.push(id);
    this.#wake();
  }

  resultOf(id: string): Posted | undefined {
    return this.done.find(({ job }) => job === id);
  }

  #wake(): void {
    for (const wake of [...this.#changed]) wake();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.#base);
    const [, , , operation = '', worker = '', job = ''] = url.pathname.split('/');
    if (request.headers.authorization !== API_KEY) this.#violate(`authorization was ${request.headers.authorization}`);
    if (worker !== WORKER) this.#violate(`worker was '${worker}' in ${url.pathname}`);
    if (operation === 'job-take' || operation === 'job-take-batch') return this.#take(url, operation, response);
    if (operation === 'job-stop') return this.#stop(response);
    if (operation === 'job-done') return this.#done(request, response, url, job);
    if (operation === 'ping') return this.#ping(url, response);
    this.#violate(`there is no ${request.method} ${url.pathname}`);
    response.writeHead(404).end();
  }

  async #take(url: URL, operation: string, response: ServerResponse): Promise<void> {
    this.takes.push(url.pathname + url.search);
    if (!['0', '1'].includes(url.searchParams.get('job_in_progress') ?? ''))
      this.#violate('job_in_progress is missing');
    const size = Number(url.searchParams.get('batch_size') ?? 1);
    if (operation === 'job-take-batch' ? size < 2 : url.searchParams.has('batch_size'))
      this.#violate(`batch_size ${size} at ${operation}`);
    if (this.#fault('take', response)) return;
    await this.#held(response, () => this.#queue.length > 0);
    if (response.destroyed) return;
    const jobs = this.#queue.splice(0, size);
    if (jobs.length === 0) return void response.writeHead(204).end();
    for (const { id } of jobs) this.handedOut.set(id, performance.now());
    json(response, operation === 'job-take' ? jobs[0] : jobs);
  }

  async #stop(response: ServerResponse): Promise<void> {
    if (this.#fault('stop', response)) return;
    await this.#held(response, () => this.#stops.length > 0);
    if (response.destroyed) return;
    const jobsToStop = this.#stops.splice(0);
    if (jobsToStop.length === 0) return void response.writeHead(204).end();
    json(response, { jobsToStop });
  }

  async #done(request: IncomingMessage, response: ServerResponse, url: URL, job: string): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString('utf8');
    const { headers } = request;
    if (headers['content-type'] !== 'application/x-www-form-urlencoded')
      this.#violate(`content type ${headers['content-type']}`);
    if (headers.charset !== 'utf-8') this.#violate('the charset header is missing');
    if (headers['x-request-id'] !== job) this.#violate(`X-Request-ID ${headers['x-request-id']} for ${job}`);
    if (url.searchParams.get('isStream') !== 'false') this.#violate('isStream is missing');
    const body = JSON.parse(text);
    const posted = { job, at: performance.now(), body };
    if (body.status === 'IN_PROGRESS') {
      if (this.resultOf(job) !== undefined) this.#violate(`progress of ${job} after its result`);
      this.progress.push(posted);
      return json(response, {});
    }
    const lost = this.faults.done[0] === 'lost';
    if (lost) this.done.push(posted);
    if (this.#fault('done', response)) return;
    if (Buffer.byteLength(text) > this.limit) return void response.writeHead(400).end();
    this.done.push(posted);
    json(response, {});
  }

  #ping(url: URL, response: ServerResponse): void {
    if (!url.searchParams.has('runpod_version')) this.#violate('runpod_version is missing');
    this.pings.push({ at: performance.now(), jobs: url.searchParams.get('job_id')?.split(',') ?? [] });
    if (!this.#fault('ping', response)) response.writeHead(200).end();
  }

  #fault(route: Route, response: ServerResponse): boolean {
    const fault = this.faults[route].shift();
    if (fault === undefined) return false;
    if (typeof fault === 'number') response.writeHead(fault).end();
    else if (typeof fault === 'object') response.writeHead(200, { 'content-type': fault.type }).end(fault.text);
    else response.destroy();
    return true;
  }

  async #held(response: ServerResponse, ready: () => boolean): Promise<void> {
    const end = Date.now() + this.hold;
    while (!ready() && !response.destroyed && Date.now() < end && this.#server.listening) {
      await new Promise<void>((resolve) => {
        const wake = () => {
          clearTimeout(timer);
          this.#changed.delete(wake);
          response.off('close', wake);
          resolve();
        };
        const timer = setTimeout(wake, end - Date.now());
        this.#changed.add(wake);
        response.once('close', wake);
      });
    }
  }

  #violate(text: string): void {
    this.violations.push(text);
  }
}

function json(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
