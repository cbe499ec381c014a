/** Rate limits: RunPod's own, per key, or per address where there are no keys. */
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance } from 'fastify';
import type { GatewayLimits, RateLimits } from '../options.ts';
import { HttpError } from './http-error.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Budget that a request to this route is taken from; the route under `/v2/{endpoint}` shares it. */
    rate?: keyof RateLimits;
  }
}

const WINDOW_SECONDS = 10;

export async function limitRates(app: FastifyInstance, { rates }: GatewayLimits): Promise<void> {
  if (rates === false) return;
  await app.register(rateLimit, {
    global: false,
    timeWindow: WINDOW_SECONDS * 1000,
    cache: 10_000,
    keyGenerator: (request) => (request.principal === 'local' ? request.ip : `key ${request.principal}`),
  });
  const kinds = Object.keys(rates) as (keyof RateLimits)[];
  const checks = new Map(kinds.map((kind) => [kind, app.createRateLimit({ max: rates[kind] })]));
  // After access was checked: strangers cannot use up the budget of a key. Before the body is read.
  app.addHook('preParsing', async (request, reply) => {
    const { rate } = request.routeOptions.config;
    const answer = rate === undefined ? undefined : await checks.get(rate)?.(request);
    if (answer === undefined || answer.isAllowed) return;
    reply.header('ratelimit-limit', answer.max).header('ratelimit-remaining', answer.remaining);
    reply.header('ratelimit-reset', answer.ttlInSeconds);
    if (!answer.isExceeded) return;
    reply.header('retry-after', answer.ttlInSeconds);
    throw new HttpError(429, `more than ${answer.max} such requests in ${WINDOW_SECONDS} seconds`, {
      code: 'RATE_LIMITED',
      remedy: 'wait as Retry-After says',
    });
  });
}
