/** 405 where a path is known and the method is not: a caller then knows which of the two was wrong. */
import type { FastifyInstance } from 'fastify';
import { HttpError } from './http-error.ts';

/** To be called before any route is added. */
export function refuseOtherMethods(app: FastifyInstance): void {
  const known = new Map<string, { readonly pattern: RegExp; readonly methods: Set<string> }>();
  app.addHook('onRoute', ({ url, method }) => {
    const pattern = new RegExp(`^${url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[^/]+/g, '[^/]+')}$`);
    const entry = known.get(url) ?? { pattern, methods: new Set() };
    for (const name of [method].flat()) entry.methods.add(name);
    known.set(url, entry);
  });
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return;
    const path = request.url.split('?')[0] ?? '';
    const found = [...known].filter(([, { pattern }]) => pattern.test(path));
    // `/jobs/:id/refinish` is also a `/jobs/:id/:name`: the one that says more is meant.
    const fewest = Math.min(...found.map(([url]) => parametersOf(url)));
    const allowed = new Set(
      found.filter(([url]) => parametersOf(url) === fewest).flatMap(([, { methods }]) => [...methods]),
    );
    if (allowed.size === 0 || allowed.has(request.method)) return;
    const allow = [...allowed].sort().join(', ');
    reply.header('allow', allow);
    throw new HttpError(405, `${request.method} is not for ${path.slice(0, 200)}`, {
      code: 'METHOD_NOT_ALLOWED',
      remedy: `use ${allow}`,
    });
  });
}

function parametersOf(url: string): number {
  return url.split(':').length - 1;
}
