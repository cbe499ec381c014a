/** A webhook receiver as a customer would write one: it verifies what it gets and answers as it is told. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The payload, if the signature holds. */
  readonly verified:
    | { readonly type: string; readonly timestamp: string; readonly data: Record<string, unknown> }
    | false;
}

export interface Receiver {
  readonly url: string;
  readonly received: Received[];
  /** Decides about each answer; replace it at will. */
  answer: (request: Received) => { readonly status: number; readonly headers?: Record<string, string> } | 'hang';
  stop(): Promise<void>;
}

export async function startReceiver(secret: string): Promise<Receiver> {
  const webhook = new Webhook(secret);
  const received: Received[] = [];
  const state: Pick<Receiver, 'answer'> = { answer: () => ({ status: 204 }) };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const verify = (): Received['verified'] => {
      try {
        return webhook.verify(body, request.headers as Record<string, string>) as Exclude<Received['verified'], false>;
      } catch {
        return false;
      }
    };
    const entry = { path: request.url ?? '', headers: request.headers, body, verified: verify() };
    received.push(entry);
    const answer = state.answer(entry);
    if (answer === 'hang') return;
    response.writeHead(answer.status, answer.headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(state, {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await closed;
    },
  });
}
