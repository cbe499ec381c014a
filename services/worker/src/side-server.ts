/** The small HTTP server of a process whose work is elsewhere: for health checks, scrapers and webhooks. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SideServer {
  readonly port: number;
  /** Ends it at once, with what is under way. */
  close(): Promise<void>;
}

/**
 * Answers `GET /healthz` itself.
 *
 * @param port 0 takes a free one
 * @throws Error of the system, such as EADDRINUSE
 */
export async function serveBeside(handle: RequestListener, port: number, host = '0.0.0.0'): Promise<SideServer> {
  const server = createServer((request, response) => {
    if (request.url?.split('?')[0] !== '/healthz') return handle(request, response);
    response.writeHead(200, { 'content-type': 'text/plain' }).end('ok\n');
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
