/**
 * An HTTP proxy in front of the test servers that misbehaves on request: it answers with errors, hangs, drops
 * connections before or after the server did its work, cuts bodies off and strips headers.
 */
import { createServer, request as forward, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ProxiedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export type Fault =
  /** Answers in the server's place; nothing happens there. */
  | { readonly kind: 'answer'; readonly status: number; readonly body?: string; readonly type?: string }
  /** Breaks the connection before the server sees the request. */
  | { readonly kind: 'drop-before' }
  /** Lets the server do its work, then breaks the connection instead of answering. */
  | { readonly kind: 'drop-after' }
  /** Passes on the head and half of the body. */
  | { readonly kind: 'truncate' }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** Sends the request twice and passes on the second answer. */
  | { readonly kind: 'twice' }
  /** Takes request headers away. */
  | { readonly kind: 'strip'; readonly headers: readonly string[] };

export interface FaultyProxy {
  readonly endpoint: string;
  /** Decides about each request; replace it at will. */
  decide: (request: ProxiedRequest) => Fault | undefined;
  /** Requests seen so far. */
  readonly seen: ProxiedRequest[];
  stop(): Promise<void>;
}

/** An error in S3's XML. */
export function s3Fault(status: number, code: string): Fault {
  const body = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>injected</Message></Error>`;
  return { kind: 'answer', status, body, type: 'application/xml' };
}

/** An error in the JSON of SQS. */
export function sqsFault(status: number, code: string): Fault {
  const body = JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message: 'injected' });
  return { kind: 'answer', status, body, type: 'application/x-amz-json-1.0' };
}

/** @param target base URL of the server behind */
export async function startFaultyProxy(target: string): Promise<FaultyProxy> {
  const { hostname, port } = new URL(target);
  const seen: ProxiedRequest[] = [];
  const proxy = { decide: (_request: ProxiedRequest): Fault | undefined => undefined };

  const passOn = (request: ProxiedRequest) =>
    new Promise<{ readonly head: IncomingMessage; readonly body: Buffer }>((resolve, reject) => {
      const { connection: _own, ...headers } = request.headers;
      forward({ hostname, port, method: request.method, path: request.url, headers }, (head) => {
        readAll(head).then((body) => resolve({ head, body }), reject);
      })
        .on('error', reject)
        .end(request.body);
    });

  const serve = async (incoming: IncomingMessage, response: ServerResponse) => {
    const request: ProxiedRequest = {
      method: incoming.method ?? 'GET',
      url: incoming.url ?? '/',
      headers: incoming.headers,
      body: await readAll(incoming),
    };
    seen.push(request);
    const fault = proxy.decide(request);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'drop-before') return void incoming.socket.destroy();
    if (fault?.kind === 'answer') {
      response.writeHead(fault.status, { 'content-type': fault.type ?? 'text/plain' });
      return void response.end(request.method === 'HEAD' ? undefined : (fault.body ?? ''));
    }
    const headers = { ...request.headers };
    if (fault?.kind === 'strip') for (const name of fault.headers) delete headers[name];
    if (fault?.kind === 'twice') await passOn(request);
    const answer = await passOn({ ...request, headers });
    if (fault?.kind === 'drop-after') return void incoming.socket.destroy();
    const { 'transfer-encoding': _chunked, connection: _own, ...passed } = answer.head.headers;
    const length = request.method === 'HEAD' ? passed['content-length'] : String(answer.body.byteLength);
    response.writeHead(answer.head.statusCode ?? 502, { ...passed, ...(length && { 'content-length': length }) });
    if (fault?.kind !== 'truncate') return void response.end(answer.body);
    response.write(answer.body.subarray(0, answer.body.byteLength >> 1), () => incoming.socket.destroy());
  };

  const server = createServer((incoming, response) => {
    // A client that hung up, or a server on its way down: there is nobody left to tell.
    serve(incoming, response).catch(() => incoming.socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  return Object.assign(proxy, {
    endpoint: `http://127.0.0.1:${address.port}`,
    seen,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  });
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
