/** Requests over kept-open connections, timed from the first byte out to the last byte in. */
import { Agent, request } from 'node:http';

export interface Timed {
  readonly milliseconds: number;
  readonly status: number;
  readonly body: string;
}

export class Client {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #base: string;

  constructor(base: string) {
    this.#base = base;
  }

  send(method: string, path: string, body?: string): Promise<Timed> {
    return new Promise((resolve, reject) => {
      const start = performance.now();
      const headers =
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
      const sent = request(`${this.#base}${path}`, { method, agent: this.#agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('end', () =>
          resolve({ milliseconds: performance.now() - start, status: response.statusCode ?? 0, body: text }),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** @param share 0.5 for the median */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
