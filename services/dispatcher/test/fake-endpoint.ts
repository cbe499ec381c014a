/**
 * RunPod's public API of one endpoint, as the documentation has it, over real HTTP, with workers that the test gives.
 * What a client may not send is noted in `violations`; faults are scripted.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { turnOf } from '@espalier/runpod';

export const API_KEY = 'rpa_test';
export const ENDPOINT = 'ep123';

/** A worker's output, or what it threw. Never resolving is a worker that is gone without a word. */
export type FakeWorker = (input: unknown, signal: AbortSignal) => Promise<unknown>;

/**
 * `number`: answered with it. `lost`: done, and the answer lost. `forgets`: taken, and never heard of again.
 * `silent`: a worker takes it and dies; the job stays IN_PROGRESS.
 */
export type RunFault = number | 'lost' | 'forgets' | 'silent';

interface FakeJob {
  readonly id: string;
  readonly input: unknown;
  readonly webhook: string | undefined;
  readonly stop: AbortController;
  status: string;
  output?: unknown;
}

export class FakeEndpoint {
  readonly violations: string[] = [];
  /** By the id of the job in the bucket: what befalls it, one sending after the other. */
  readonly runFaults = new Map<string, RunFault[]>();
  readonly statusFaults: number[] = [];
  /** Inputs of all jobs that were taken, in order. */
  readonly taken: unknown[] = [];
  readonly cancelled: string[] = [];
  /** Most jobs that were there and not over at once. */
  peak = 0;
  /** How often each end is told. */
  webhookTimes = 2;
  paused = false;
  readonly #jobs = new Map<string, FakeJob>();
  readonly #worker: FakeWorker;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  #next = 1;
  url = '';

  constructor(worker: FakeWorker) {
    this.#worker = worker;
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v2`;
  }

  async stop(): Promise<void> {
    for (const job of this.#jobs.values()) job.stop.abort();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  get open(): number {
    return [...this.#jobs.values()].filter(({ status }) => ['IN_QUEUE', 'IN_PROGRESS'].includes(status)).length;
  }

  /** What RunPod does after half an hour. */
  forgetEverything(): void {
    this.#jobs.clear();
  }

  /** Workers begin what was left waiting. */
  resume(): void {
    this.paused = false;
    for (const job of this.#jobs.values()) if (job.status === 'IN_QUEUE') void this.#work(job);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, version, endpoint, operation, id = ''] = (request.url ?? '').split('/');
    if (version !== 'v2' || endpoint !== ENDPOINT) return void response.writeHead(404).end();
    if (request.headers.authorization !== `Bearer ${API_KEY}`) return void response.writeHead(401).end();
    if (operation === 'run' && request.method === 'POST') return this.#run(request, response);
    if (operation === 'status' && request.method === 'GET') return this.#status(response, decodeURIComponent(id));
    if (operation === 'cancel' && request.method === 'POST') {
      this.cancelled.push(id);
      const job = this.#jobs.get(id);
      job?.stop.abort();
      if (job !== undefined) job.status = 'CANCELLED';
      return json(response, job === undefined ? 404 : 200, { id, status: 'CANCELLED' });
    }
    this.violations.push(`there is no ${request.method} ${request.url}`);
    response.writeHead(405).end();
  }

  async #run(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    const { executionTimeout, ttl } = body.policy ?? {};
    if (!(executionTimeout >= 5000 && executionTimeout <= 604_800_000)) this.violations.push('executionTimeout');
    if (!(ttl >= 10_000 && ttl <= 604_800_000)) this.violations.push('ttl');
    if (typeof body.input !== 'object') this.violations.push('input');
    const fault = this.runFaults.get(turnOf(body.input)?.job ?? '')?.shift();
    if (typeof fault === 'number') return void response.writeHead(fault, { 'retry-after': '0' }).end();
    const id = `${this.#next++}-e1`;
    this.taken.push(body.input);
    const job: FakeJob = {
      id,
      input: body.input,
      webhook: body.webhook,
      status: 'IN_QUEUE',
      stop: new AbortController(),
    };
    if (fault !== 'forgets') this.#jobs.set(id, job);
    this.peak = Math.max(this.peak, this.open);
    if (fault === 'silent') job.status = 'IN_PROGRESS';
    else if (fault !== 'forgets' && !this.paused) void this.#work(job);
    if (fault === 'lost') {
      response.destroy();
      return;
    }
    json(response, 200, { id, status: 'IN_QUEUE' });
  }

  #status(response: ServerResponse, id: string): void {
    const fault = this.statusFaults.shift();
    if (fault !== undefined) return void response.writeHead(fault).end();
    const job = this.#jobs.get(id);
    if (job === undefined) json(response, 404, { error: 'job not found' });
    else json(response, 200, { id, status: job.status, output: job.output, delayTime: 1, executionTime: 1 });
  }

  async #work(job: FakeJob): Promise<void> {
    job.status = 'IN_PROGRESS';
    try {
      job.output = await this.#worker(job.input, job.stop.signal);
      job.status = 'COMPLETED';
    } catch (error) {
      job.output = { error: String(error) };
      job.status = 'FAILED';
    }
    if (job.webhook === undefined) return;
    const body = JSON.stringify({ id: job.id, status: job.status, output: job.output });
    for (let time = 0; time < this.webhookTimes; time += 1) {
      await fetch(job.webhook, { method: 'POST', body, headers: { 'content-type': 'application/json' } }).catch(
        () => {},
      );
    }
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
