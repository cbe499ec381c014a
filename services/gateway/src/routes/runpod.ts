/** RunPod's public endpoint API over our jobs: its clients work when their base URL is changed. */
import { isTerminal, RETRIES_TAG, RunpodStatusSchema, runpodState } from '@espalier/contracts';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { findJob, type GatewayContext, viewOptions } from '../context.ts';
import { describedOnly, jsonOf } from '../http/body.ts';
import { HttpError } from '../http/http-error.ts';
import { cancel, purge, retry } from '../jobs/control.ts';
import type { JobRecord } from '../jobs/job-records.ts';
import { submit } from '../jobs/submit.ts';
import { errors, IdParameter } from '../schemas/common.ts';
import { HealthSchema, PurgeSchema, RunBodySchema, StreamSchema, TtlQuery, WaitQuery } from '../schemas/runpod.ts';
import { isExpired, viewForRunpod } from '../views/runpod-view.ts';
import { IdempotencyHeader, idempotencyKeyOf } from './idempotency.ts';

/** Milliseconds that `/stream` waits for news: clients ask again at once, some give up after 10 s. */
const STREAM_WAIT = 2000;
const tags = ['RunPod'];

export const runpodRoutes: FastifyPluginAsyncZod<{ context: GatewayContext; hide: boolean }> = async (
  app,
  { context, hide },
) => {
  const { watcher, records, stopping } = context;

  const find = async (id: string): Promise<JobRecord> => {
    const record = await findJob(context, id);
    if (!isExpired(record, context.clock.now())) return record;
    throw new HttpError(404, `the job '${id}' has expired`, {
      code: 'JOB_EXPIRED',
      field: 'id',
      remedy: "give it a longer 'policy.ttl'",
    });
  };

  app.post(
    '/run',
    {
      config: { rate: 'run' },
      schema: {
        hide,
        tags,
        operationId: 'run',
        summary: 'Submit a job',
        body: RunBodySchema,
        headers: IdempotencyHeader,
        response: { 200: RunpodStatusSchema, ...errors(400, 404, 409, 413, 415) },
      },
      validatorCompiler: describedOnly,
    },
    async (request, reply) => {
      const { id, created } = await submit(context.submitting, {
        body: jsonOf(request.body),
        idempotencyKey: idempotencyKeyOf(request),
        principal: request.principal,
      });
      if (created) return { id, status: 'IN_QUEUE' as const };
      reply.header('idempotent-replayed', 'true');
      const { state, status } = await findJob(context, id);
      return { id, status: runpodState(state, status) };
    },
  );

  app.post(
    '/runsync',
    {
      config: { rate: 'read' },
      schema: {
        hide,
        tags,
        operationId: 'runsync',
        summary: 'Submit a job and wait for its end',
        description: 'Answers when the job ends or the wait is over, whichever is first.',
        body: RunBodySchema,
        headers: IdempotencyHeader,
        querystring: WaitQuery,
        response: { 200: RunpodStatusSchema, ...errors(400, 404, 409, 413, 415) },
      },
      validatorCompiler: (route) =>
        (route.httpPart === 'querystring' ? app.validatorCompiler?.(route) : undefined) ?? describedOnly(),
    },
    async (request, reply) => {
      const { id, created } = await submit(context.submitting, {
        body: jsonOf(request.body),
        idempotencyKey: idempotencyKeyOf(request),
        principal: request.principal,
      });
      if (!created) reply.header('idempotent-replayed', 'true');
      const record = await watcher.until(id, ({ state }) => isTerminal(state), request.query.wait, stopping.signal);
      return viewForRunpod(record ?? (await find(id)), viewOptions(context, request));
    },
  );

  app.get(
    '/status/:id',
    {
      config: { rate: 'read' },
      schema: {
        hide,
        tags,
        operationId: 'status',
        summary: 'State of a job, and its output once it has one',
        params: IdParameter,
        querystring: TtlQuery,
        response: { 200: RunpodStatusSchema, ...errors(400, 404) },
      },
    },
    async (request) => viewForRunpod(await find(request.params.id), viewOptions(context, request)),
  );

  app.get(
    '/status-sync/:id',
    {
      config: { rate: 'read' },
      schema: {
        hide,
        tags,
        operationId: 'statusSync',
        summary: 'Wait for the end of a job',
        params: IdParameter,
        querystring: WaitQuery,
        response: { 200: RunpodStatusSchema, ...errors(400, 404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const record = await find(id);
      const ended = isTerminal(record.state)
        ? record
        : await watcher.until(id, ({ state }) => isTerminal(state), request.query.wait, stopping.signal);
      return viewForRunpod(ended ?? record, viewOptions(context, request));
    },
  );

  app.get(
    '/stream/:id',
    {
      config: { rate: 'read' },
      schema: {
        hide,
        tags,
        operationId: 'stream',
        summary: 'What is new since the last call: stages as they begin, then the output',
        description: 'Each piece is given once. The output links to the file; /status holds it.',
        params: IdParameter,
        response: { 200: StreamSchema, ...errors(400, 404) },
      },
    },
    async (request) => {
      const { id } = request.params;
      const record = await find(id);
      const { cursors } = context;
      const news = cursors.hasNews(record)
        ? record
        : await watcher.until(id, (seen) => cursors.hasNews(seen), STREAM_WAIT, stopping.signal);
      return cursors.take(news ?? record, viewOptions(context, request));
    },
  );

  app.post(
    '/cancel/:id',
    {
      config: { rate: 'cancel' },
      schema: {
        hide,
        tags,
        operationId: 'cancel',
        summary: 'End a job',
        description: 'A running job ends at its next step. A job that has ended stays as it is.',
        params: IdParameter,
        response: { 200: RunpodStatusSchema, ...errors(400, 404) },
      },
    },
    async (request) => {
      const record = await find(request.params.id);
      await cancel(context.store, record);
      context.index.expire();
      watcher.poke(record.id);
      return {
        id: record.id,
        status: isTerminal(record.state) ? runpodState(record.state, record.status) : ('CANCELLED' as const),
      };
    },
  );

  app.post(
    '/retry/:id',
    {
      config: { rate: 'run' },
      schema: {
        hide,
        tags,
        operationId: 'retry',
        summary: 'Try a failed job again',
        description: 'Same id. It goes on from its last checkpoint.',
        params: IdParameter,
        response: { 200: RunpodStatusSchema, ...errors(400, 404, 409) },
      },
    },
    async (request) => {
      const record = await find(request.params.id);
      await retry(context.submitting, record);
      return { id: record.id, status: 'IN_QUEUE' as const };
    },
  );

  app.post(
    '/purge-queue',
    {
      config: { rate: 'purge' },
      schema: {
        hide,
        tags,
        operationId: 'purgeQueue',
        summary: 'Cancel every job that waits',
        description: 'Running jobs go on.',
        response: { 200: PurgeSchema, ...errors() },
      },
    },
    async () => {
      context.index.expire();
      const waiting = (await context.index.records()).filter(({ state }) => state === 'queued');
      const removed = await purge(
        context.store,
        records,
        waiting.map(({ id }) => id),
      );
      context.index.expire();
      return { removed, status: 'completed' as const };
    },
  );

  app.get(
    '/health',
    {
      config: { rate: 'read' },
      schema: {
        hide,
        tags,
        operationId: 'health',
        summary: 'Jobs by state, and the workers that hold one',
        response: { 200: HealthSchema, ...errors() },
      },
    },
    async () => {
      const all = await context.index.records();
      const count = (state: JobRecord['state']) => all.filter((record) => record.state === state).length;
      const now = context.clock.now();
      const busy = new Set(
        all.flatMap(({ state, status }) =>
          state === 'running' && status?.worker !== undefined && Date.parse(status.lease_until ?? '') > now
            ? [status.worker]
            : [],
        ),
      ).size;
      const idle = Math.max(0, context.localWorkers() - busy);
      return {
        jobs: {
          completed: count('succeeded'),
          failed: count('failed') + count('rejected'),
          inProgress: count('running'),
          inQueue: count('queued'),
          retried: all.filter(({ job }) => job?.tags[RETRIES_TAG] !== undefined).length,
        },
        workers: { idle, initializing: 0, ready: idle, running: busy, throttled: 0, unhealthy: 0 },
      };
    },
  );
};
