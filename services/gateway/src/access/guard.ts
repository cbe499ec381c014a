/**
 * Who may call. Without keys only this machine may, and then a page from elsewhere, opened in a browser here,
 * must not get through either: neither by a cross-site request nor by a name that was re-bound to 127.0.0.1.
 */
import { isIPv4, isIPv6 } from 'node:net';
import { TerminalError } from '@espalier/contracts';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpError } from '../http/http-error.ts';
import { type ApiKey, findApiKey } from './api-keys.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Name of the key that was shown, or `local`. Part of idempotency and rate limits. */
    principal: string;
  }
  interface FastifyContextConfig {
    /** Needs no key: holds nothing of anybody's jobs. */
    open?: boolean;
  }
}

export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return (
    name === 'localhost' ||
    name.endsWith('.localhost') ||
    (isIPv4(name) && name.startsWith('127.')) ||
    (isIPv6(name) && (name === '::1' || name.startsWith('::ffff:127.')))
  );
}

/** @throws TerminalError API_KEYS_REQUIRED when others could reach a server that asks for nothing */
export function assertListenable(host: string, keys: readonly ApiKey[]): void {
  if (keys.length > 0 || isLoopback(host)) return;
  throw new TerminalError(`listening on ${host} lets others in: that needs API keys`, {
    code: 'API_KEYS_REQUIRED',
    field: 'host',
    remedy: 'make a key with `espalier serve --new-key NAME` and name it in ESPALIER_API_KEYS, or listen on 127.0.0.1',
  });
}

/** Refuses callers before any body is read. */
export function guardAccess(app: FastifyInstance, keys: readonly ApiKey[]): void {
  app.decorateRequest('principal', '');
  app.addHook('onRequest', async (request, reply) => {
    if (keys.length === 0) refuseStrangers(request);
    const key = findApiKey(keys, request.headers.authorization);
    request.principal = key?.name ?? (keys.length === 0 ? 'local' : '');
    if (keys.length === 0 || key !== undefined || request.routeOptions.config.open === true) return;
    reply.header('www-authenticate', 'Bearer');
    throw new HttpError(401, 'an API key is needed', {
      code: 'UNAUTHORIZED',
      field: 'Authorization',
      remedy: 'send Authorization: Bearer <key>',
    });
  });
}

function refuseStrangers(request: FastifyRequest): void {
  if (!isLoopback(request.hostname)) {
    throw new HttpError(421, `this server answers as localhost only, not as '${request.hostname.slice(0, 100)}'`, {
      code: 'HOST_REFUSED',
      field: 'Host',
      remedy: 'call it as http://localhost, or start it with API keys',
    });
  }
  const { origin } = request.headers;
  const foreign = origin !== undefined && origin !== `${request.protocol}://${request.host}`;
  if (foreign || request.headers['sec-fetch-site'] === 'cross-site') {
    throw new HttpError(403, 'pages of other origins may not call this server', {
      code: 'ORIGIN_REFUSED',
      field: 'Origin',
      remedy: 'call it from its own page or from outside a browser',
    });
  }
}
