/** What operators ask: is it alive, what does it measure, what can it do. */
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { GatewayContext } from '../context.ts';
import { tidyOpenapi } from '../http/openapi.ts';
import { errors } from '../schemas/common.ts';

export const serviceRoutes: FastifyPluginAsyncZod<{ context: GatewayContext }> = async (app, { context }) => {
  const { metrics, stopping } = context;
  let document: Record<string, unknown> | undefined;

  app.get(
    '/healthz',
    {
      config: { open: true },
      schema: {
        tags: ['Service'],
        operationId: 'healthz',
        summary: 'Alive, and not about to stop',
        security: [],
        response: { 200: z.object({ status: z.literal('ok') }), 503: z.object({ status: z.literal('stopping') }) },
      },
    },
    async (_request, reply) =>
      stopping.signal.aborted ? reply.code(503).send({ status: 'stopping' as const }) : { status: 'ok' as const },
  );

  app.get(
    '/openapi.json',
    {
      config: { open: true },
      schema: {
        tags: ['Service'],
        operationId: 'openapi',
        summary: 'This document',
        security: [],
        response: { 200: z.looseObject({}) },
      },
    },
    async () => {
      document ??= tidyOpenapi(app.swagger());
      return document;
    },
  );

  if (metrics !== undefined) {
    app.get(
      '/metrics',
      {
        schema: {
          tags: ['Service'],
          operationId: 'metrics',
          summary: 'Prometheus metrics',
          response: { 200: { description: 'Metrics', content: { 'text/plain': { schema: z.string() } } }, ...errors() },
        },
      },
      async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()),
    );
  }
};
