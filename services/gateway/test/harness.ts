/** A gateway on a free port over a fresh folder bucket, and the worker's part beside it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderStore } from '@espalier/storage';
import { createGateway, type Gateway, type GatewayOptions } from '../src/index.ts';
import { BucketWorker } from './bucket-worker.ts';

export interface Harness {
  readonly base: string;
  readonly store: FolderStore;
  readonly worker: BucketWorker;
  readonly gateway: Gateway;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  submit(prompt?: string, more?: Record<string, unknown>): Promise<string>;
  close(): Promise<void>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came back
  readonly body: any;
}

/** @param change for a store that can do more */
export async function startHarness(
  options: Partial<GatewayOptions> = {},
  change: (store: FolderStore) => FolderStore = (store) => store,
): Promise<Harness> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-gateway-'));
  const store = change(await FolderStore.open(folder));
  const gateway = await createGateway({
    store,
    ...options,
    limits: { watchMilliseconds: 20, listingMilliseconds: 0, rates: false, ...options.limits },
  });
  const base = await gateway.listen({ port: 0 });
  const call: Harness['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(base + path, {
      method,
      headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : text,
    };
  };
  return {
    base,
    store,
    worker: new BucketWorker(store),
    gateway,
    call,
    async submit(prompt = 'A wooden treasure chest', more = {}) {
      const { body } = await call('POST', '/run', { input: { prompt, ...more } });
      return body.id;
    },
    async close() {
      await gateway.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
