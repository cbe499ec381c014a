/** A Hugging Face hub on loopback: repositories by commit, ranges, tokens, and every way to misbehave. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface HubRepository {
  readonly commit: string;
  readonly files: Record<string, Uint8Array>;
}

/** What happens to a request for a file's content; the first one whose `times` are not used up. */
export interface Fault {
  readonly path: string;
  /** @defaultValue always */
  times?: number;
  /** Break the connection after this many bytes of the body. */
  readonly cutAfter?: number;
  /** Say nothing more after this many bytes. */
  readonly hangAfter?: number;
  readonly status?: number;
  readonly headers?: Record<string, string>;
  /** Answer with the whole file whatever range is asked for. */
  readonly noRange?: boolean;
  /** Change one byte. */
  readonly spoil?: boolean;
  /** Claim another size. */
  readonly claim?: number;
}

export interface HubServer {
  readonly url: string;
  readonly repositories: Record<string, HubRepository>;
  readonly faults: Fault[];
  /** Faults of the API (`/api/...`), by the part of the path. */
  readonly apiFaults: Fault[];
  /** `method path range` of what was asked. */
  readonly log: string[];
  /** Sizes that the listing lies about. */
  readonly listedSize: Record<string, number>;
  /** The token that requests need. */
  token: string | undefined;
  close(): Promise<void>;
}

const sha256 = (body: Uint8Array) => createHash('sha256').update(body).digest('hex');
const gitSha1 = (body: Uint8Array) => createHash('sha1').update(`blob ${body.byteLength}\0`).update(body).digest('hex');

/** Like the hub: large files are kept by SHA-256, small ones as git blobs. */
const isLarge = (path: string) => path.endsWith('.safetensors');

export async function startHub(repositories: Record<string, HubRepository>): Promise<HubServer> {
  const hub: Omit<HubServer, 'url' | 'close'> = {
    repositories,
    faults: [],
    apiFaults: [],
    log: [],
    listedSize: {},
    token: undefined,
  };
  const server = createServer((request, response) => {
    answer(hub, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(hub, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}

type Hub = Omit<HubServer, 'url' | 'close'>;

async function answer(hub: Hub, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = decodeURIComponent(new URL(request.url ?? '', 'http://hub').pathname);
  hub.log.push([request.method, path, request.headers.range].filter(Boolean).join(' '));
  const json = (status: number, body: unknown) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (hub.token !== undefined && request.headers.authorization !== `Bearer ${hub.token}`) {
    return void json(401, { error: 'Invalid credentials in Authorization header' });
  }
  const [, api, name = '', verb, revision = '', rest = ''] =
    /^\/(api\/models\/)?([^/]+\/[^/]+)(?:\/(tree|revision|resolve)\/([^/]+)(?:\/(.+))?)?$/.exec(path) ?? [];
  const repository = hub.repositories[name];
  if (api !== undefined) {
    const fault = take(hub.apiFaults, path);
    if (fault?.status !== undefined) {
      response.writeHead(fault.status, fault.headers).end('{}');
      return;
    }
  }
  // To strangers the hub does not say what it hides and what does not exist.
  if (repository === undefined)
    return void json(hub.token === undefined ? 401 : 404, { error: 'Repository not found' });
  if (verb !== undefined && revision !== 'main' && revision !== repository.commit) {
    return void json(404, { error: 'Invalid rev id' });
  }
  if (api !== undefined && verb !== 'tree') {
    return void json(200, { _id: 'x', id: name, sha: repository.commit, lastModified: '2024-12-01T00:00:00.000Z' });
  }
  if (api !== undefined) {
    return void json(
      200,
      Object.entries(repository.files).map(([file, body]) => {
        const size = hub.listedSize[file] ?? body.byteLength;
        const lfs = isLarge(file) ? { lfs: { oid: sha256(body), size, pointerSize: 134 } } : {};
        return { type: 'file', path: file, size, oid: gitSha1(body), ...lfs };
      }),
    );
  }
  const body = repository.files[rest];
  if (body === undefined) return void json(404, { error: 'Entry not found' });
  await content(body, take(hub.faults, rest), request, response);
}

function take(faults: Fault[], path: string): Fault | undefined {
  const fault = faults.find((candidate) => path.includes(candidate.path) && candidate.times !== 0);
  if (fault?.times !== undefined) fault.times -= 1;
  return fault;
}

async function content(
  whole: Uint8Array,
  fault: Fault | undefined,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (fault?.status !== undefined) {
    response.writeHead(fault.status, fault.headers).end();
    return;
  }
  const body = Uint8Array.from(whole);
  if (fault?.spoil) body[body.length - 1] = ((body.at(-1) ?? 0) + 1) % 256;
  const start = fault?.noRange ? 0 : Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  const rest = body.subarray(start);
  const claimed = fault?.claim ?? body.byteLength;
  if (start > 0) {
    response.writeHead(206, {
      'content-range': `bytes ${start}-${claimed - 1}/${claimed}`,
      'content-length': claimed - start,
    });
  } else response.writeHead(200, { 'content-length': claimed });
  const stop = fault?.cutAfter ?? fault?.hangAfter;
  if (stop === undefined) {
    response.end(rest);
    return;
  }
  response.write(rest.subarray(0, stop));
  await sleep(20); // so that it goes out before the connection breaks
  if (fault?.cutAfter !== undefined) response.destroy();
}
