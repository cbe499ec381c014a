/** Our own job resources: lists, details, another finish. */

import { DELIVERY_STATES, DeliveryLog, replayDeliveries } from '@espalier/notifier';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { findJob, type GatewayContext } from '../context.ts';
import { describedOnly, jsonOf } from '../http/body.ts';
import { HttpError } from '../http/http-error.ts';
import { refinish } from '../jobs/control.ts';
import type { JobRecord } from '../jobs/job-records.ts';
import { parseRefinish } from '../jobs/refinish-change.ts';
import { errors, IdParameter } from '../schemas/common.ts';
import {
  DeliveriesSchema,
  JobListSchema,
  JobViewSchema,
  ListQuery,
  RefinishSchema,
  ReplayedSchema,
  SubmittedSchema,
} from '../schemas/jobs.ts';
import { jobSummary, jobView } from '../views/job-view.ts';

const tags = ['Jobs'];

export const jobRoutes: FastifyPluginAsyncZod<{ context: GatewayContext }> = async (app, { context }) => {
  app.get(
    '/jobs',
    {
      config: { rate: 'read' },
      schema: {
        tags,
        operationId: 'listJobs',
        summary: 'Jobs, newest first',
        querystring: ListQuery,
        response: { 200: JobListSchema, ...errors(400) },
      },
    },
    async (request) => {
      const { limit, after, state } = request.query;
      const all = await context.index.records();
      const chosen = state === undefined ? all : all.filter((record) => record.state === state);
      const start = after === undefined ? 0 : chosen.findIndex((record) => isAfter(record, after));
      const page = start < 0 ? [] : chosen.slice(start, start + limit);
      const last = page.at(-1);
      const more = last !== undefined && start + limit < chosen.length;
      return { jobs: page.map(jobSummary), ...(more && { next: cursorOf(last) }) };
    },
  );

  app.get(
    '/jobs/:id',
    {
      config: { rate: 'read' },
      schema: {
        tags,
        operationId: 'getJob',
        summary: 'A job: stages, steps, seconds, links',
        params: IdParameter,
        response: { 200: JobViewSchema, ...errors(400, 404) },
      },
    },
    async (request) => {
      const record = await findJob(context, request.params.id);
      const stats = record.state === 'succeeded' ? await context.results.stats(record) : undefined;
      return jobView(record, stats, context.clock.now());
    },
  );

  app.get(
    '/jobs/:id/deliveries',
    {
      config: { rate: 'read' },
      schema: {
        tags,
        operationId: 'listDeliveries',
        summary: 'What became of telling the webhook',
        params: IdParameter,
        response: { 200: DeliveriesSchema, ...errors(400, 404) },
      },
    },
    async (request) => {
      const { id } = await findJob(context, request.params.id);
      const deliveries = [];
      for await (const { delivery } of new DeliveryLog(context.store).all(id)) {
        const { body: _body, glb: _glb, job: _job, claimed_until: _claim, ...shown } = delivery;
        deliveries.push(shown);
      }
      const replay = context.notifications && deliveries.length > 0 ? `${request.url.split('?')[0]}/replay` : undefined;
      return { deliveries, ...(replay !== undefined && { links: { replay } }) };
    },
  );

  app.post(
    '/jobs/:id/deliveries/replay',
    {
      config: { rate: 'run' },
      schema: {
        tags,
        operationId: 'replayDeliveries',
        summary: 'Tell the webhook again, now',
        description:
          'Under the same webhook id, from the beginning of the schedule of tries, whatever came of it before.',
        params: IdParameter,
        response: { 202: ReplayedSchema, ...errors(400, 404, 409) },
      },
    },
    async (request, reply) => {
      const { store, clock, notifications: queue } = context;
      const { id: job } = await findJob(context, request.params.id);
      if (queue === undefined) {
        throw new HttpError(409, 'this server does not know where deliveries are asked for', {
          code: 'NO_NOTIFIER',
          remedy: 'set ESPALIER_QUEUE_NOTIFY for it, or use: espalier webhooks replay',
        });
      }
      const replayed = await replayDeliveries({ store, queue, clock }, { job, states: DELIVERY_STATES });
      return reply.code(202).send({ replayed: replayed.length });
    },
  );

  app.post(
    '/jobs/:id/refinish',
    {
      config: { rate: 'run' },
      schema: {
        tags,
        operationId: 'refinish',
        summary: 'The same asset with another texture size or simplification',
        description: 'A new job that reuses what was computed: it costs CPU seconds, not a new generation.',
        params: IdParameter,
        body: RefinishSchema,
        response: { 202: SubmittedSchema, ...errors(400, 404, 409, 413, 415) },
      },
      validatorCompiler: (route) =>
        (route.httpPart === 'params' ? app.validatorCompiler?.(route) : undefined) ?? describedOnly(),
    },
    async (request, reply) => {
      const change = parseRefinish(jsonOf(request.body));
      const record = await findJob(context, request.params.id);
      const { id, created } = await refinish(context.submitting, context.records, record, change);
      const self = `/jobs/${encodeURIComponent(id)}`;
      return reply.code(202).send({ id, created, links: { self, events: `${self}/events` } });
    },
  );
};

function cursorOf({ submittedAt, id }: JobRecord): string {
  return `${Math.round(submittedAt)}~${id}`;
}

/** Whether a record stands behind the cursor in the list's order. @throws HttpError 400 CURSOR_INVALID */
function isAfter({ submittedAt, id }: JobRecord, cursor: string): boolean {
  const match = /^(\d{1,15})~(.+)$/.exec(cursor);
  if (match === null) {
    throw new HttpError(400, "'after' is not a cursor of this list", {
      code: 'CURSOR_INVALID',
      field: 'after',
      remedy: "pass the 'next' of the page before",
    });
  }
  const [, time = '', name = ''] = match;
  const at = Math.round(submittedAt);
  return at < Number(time) || (at === Number(time) && id > name);
}
