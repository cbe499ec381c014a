/**
 * The HTTP API and the web console over one bucket. It holds no state that matters: any number of gateways may
 * run, and one that dies loses nothing.
 */
import { randomUUID } from 'node:crypto';
import { ensureError, shownValue, valueAt } from '@espalier/contracts';
import swagger from '@fastify/swagger';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  jsonSchemaTransform,
  jsonSchemaTransformObject,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import { assertListenable, guardAccess } from './access/guard.ts';
import { createContext } from './context.ts';
import { takeBodiesAsBytes } from './http/body.ts';
import { addCommonHeaders } from './http/headers.ts';
import { errorAnswer, HttpError } from './http/http-error.ts';
import { refuseOtherMethods } from './http/methods.ts';
import { limitRates } from './http/rates.ts';
import type { GatewayOptions } from './options.ts';
import { consoleRoutes } from './routes/console.ts';
import { eventRoutes } from './routes/events.ts';
import { fileRoutes } from './routes/files.ts';
import { jobRoutes } from './routes/jobs.ts';
import { runpodRoutes } from './routes/runpod.ts';
import { serviceRoutes } from './routes/service.ts';

export interface Gateway {
  /** Binds and serves. Port 0 takes a free one. @returns the base URL, e.g. `http://127.0.0.1:8000` */
  listen(options?: ListenOptions): Promise<string>;
  /** A worker in this process has moved a job: followers are told without waiting for the next look. */
  poke(id: string): void;
  /** Takes nothing new, answers what is open, ends event streams so that their clients come back, then closes. */
  close(): Promise<void>;
}

export interface ListenOptions {
  /** @defaultValue '127.0.0.1' */
  readonly host?: string;
  /** @defaultValue 8000 */
  readonly port?: number;
}

/** Ids that callers give to their requests are kept where they are harmless in a log. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const context = createContext(options);
  const keys = options.keys ?? [];
  const app = Fastify({
    logger: false,
    forceCloseConnections: 'idle',
    // Whole requests, not answers: waiting callers and event streams stay.
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 20_000 },
    genReqId: (request) => {
      const given = request.headers['x-request-id'];
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID();
    },
  });
  await assembleApp(app, options, context);

  return {
    async listen({ host = '127.0.0.1', port = 8000 } = {}) {
      assertListenable(host, keys);
      return app.listen({ host, port });
    },
    poke(id) {
      context.index.expire();
      context.watcher.poke(id);
    },
    async close() {
      context.stopping.abort();
      // A connection that was busy when the server began to stop is kept open by its client afterwards.
      const idle = setInterval(() => app.server.closeIdleConnections(), 50);
      const force = setTimeout(() => app.server.closeAllConnections(), context.limits.drainSeconds * 1000);
      try {
        await app.close();
      } finally {
        clearInterval(idle);
        clearTimeout(force);
        context.watcher.close();
      }
    },
  };
}

async function assembleApp(
  app: FastifyInstance,
  options: GatewayOptions,
  context: ReturnType<typeof createContext>,
): Promise<void> {
  app.setValidatorCompiler(validatorCompiler);
  // Answers are built by typed code and described by schemas; checking each once more would cost every poll.
  app.setSerializerCompiler(() => (data) => JSON.stringify(data));
  refuseOtherMethods(app);
  takeBodiesAsBytes(app);
  addCommonHeaders(app);
  guardAccess(app, options.keys ?? []);
  handleErrors(app, context);
  await limitRates(app, context.limits);
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Espalier',
        version: '0.1.0',
        description:
          'Text to textured 3D assets. The RunPod routes also stand under `/v2/{endpoint}`, for clients that put it in front; any endpoint name is taken.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      tags: [
        { name: 'RunPod', description: 'RunPod’s public endpoint API' },
        { name: 'Jobs', description: 'Jobs, their progress and their files' },
        { name: 'Service', description: 'For operators' },
      ],
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      ...((options.keys ?? []).length > 0 && { security: [{ key: [] }] }),
    },
    transform: jsonSchemaTransform,
    transformObject: jsonSchemaTransformObject,
  });
  await app.register(runpodRoutes, { context, hide: false });
  await app.register(runpodRoutes, { context, hide: true, prefix: '/v2/:endpoint' });
  await app.register(jobRoutes, { context });
  await app.register(eventRoutes, { context });
  await app.register(fileRoutes, { context });
  await app.register(serviceRoutes, { context });
  await app.register(consoleRoutes);
  await app.ready();
}

function handleErrors(app: FastifyInstance, { logger }: ReturnType<typeof createContext>): void {
  app.setErrorHandler((thrown: unknown, request, reply) => {
    const error = hasZodFastifySchemaValidationErrors(thrown) ? validationError(thrown, request) : thrown;
    const { status, body, retryAfterSeconds, unexpected } = errorAnswer(error, request.id);
    if (unexpected) logger.error({ request: request.id, err: ensureError(thrown) }, 'a request failed');
    if (retryAfterSeconds !== undefined) reply.header('retry-after', retryAfterSeconds);
    return reply.code(status).type('application/json').send(body);
  });
  app.setNotFoundHandler((request) => {
    throw new HttpError(404, `there is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`, {
      code: 'ROUTE_NOT_FOUND',
      remedy: 'see /docs for what there is',
    });
  });
  app.addHook('onResponse', async (request, reply) => {
    const details = { request: request.id, status: reply.statusCode, milliseconds: Math.round(reply.elapsedTime) };
    logger.debug(details, `${request.method} ${request.routeOptions.url ?? request.url}`);
  });
}

function validationError(
  thrown: {
    readonly validation: readonly { readonly instancePath: string; readonly message?: string | undefined }[];
    readonly validationContext?: string | undefined;
  },
  request: FastifyRequest,
): HttpError {
  const [first] = thrown.validation;
  const path = first?.instancePath.split('/').slice(1) ?? [];
  const field = path.join('.');
  const value = valueAt(thrown.validationContext === 'params' ? request.params : request.query, path);
  return new HttpError(400, `'${field}' is not valid: ${first?.message ?? 'unknown fault'}`, {
    code: 'REQUEST_INVALID',
    ...(field !== '' && { field }),
    remedy: `${value === undefined ? '' : `it is ${shownValue(value)}: `}/docs says what it may be`,
  });
}
