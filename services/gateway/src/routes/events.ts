/**
 * Progress as server-sent events. Each event holds the whole job, so a client that misses some misses nothing;
 * a slow client is sent the latest state, never a backlog.
 */
import type { ServerResponse } from 'node:http';
import { isTerminal } from '@espalier/contracts';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findJob, type GatewayContext } from '../context.ts';
import { SECURITY_HEADERS } from '../http/headers.ts';
import { HttpError } from '../http/http-error.ts';
import type { JobRecord } from '../jobs/job-records.ts';
import { errors, IdParameter } from '../schemas/common.ts';
import { jobView } from '../views/job-view.ts';

/** Silence in milliseconds after which a proxy might close the connection. */
const KEEP_ALIVE = 15_000;

export const eventRoutes: FastifyPluginAsyncZod<{ context: GatewayContext }> = async (app, { context }) => {
  const { limits, watcher, stopping } = context;
  const open = new Set<EventStream>();
  const messages = new WeakMap<JobRecord, Promise<string>>();

  const messageOf = (record: JobRecord): Promise<string> => {
    let message = messages.get(record);
    if (message === undefined) {
      message = encode(context, record);
      messages.set(record, message);
    }
    return message;
  };

  const keepAlive = setInterval(() => {
    for (const stream of open) stream.comment('keep-alive');
  }, KEEP_ALIVE);
  keepAlive.unref();
  app.addHook('onClose', async () => clearInterval(keepAlive));
  stopping.signal.addEventListener('abort', () => {
    for (const stream of open) stream.end();
  });

  app.get(
    '/jobs/:id/events',
    {
      config: { rate: 'read' },
      schema: {
        tags: ['Jobs'],
        operationId: 'jobEvents',
        summary: 'Progress as server-sent events',
        description:
          'Event `job`: the whole job, as GET /jobs/{id} shows it, now and after every change. The stream ends with event `end` when the job does.',
        params: IdParameter,
        response: {
          200: { description: 'The stream', content: { 'text/event-stream': { schema: z.string() } } },
          204: z.null().describe('The caller has seen the end already (Last-Event-ID)'),
          ...errors(400, 404),
        },
      },
    },
    async (request, reply) => {
      const record = await findJob(context, request.params.id);
      if (isTerminal(record.state) && request.headers['last-event-id'] === eventId(record))
        return reply.code(204).send(null);
      if (open.size >= limits.eventStreams || stopping.signal.aborted) {
        throw new HttpError(503, `${limits.eventStreams} event streams are open already`, {
          code: 'TOO_MANY_STREAMS',
          remedy: 'poll /jobs/{id} instead, or come back later',
        });
      }
      reply.hijack();
      reply.raw.writeHead(200, {
        ...SECURITY_HEADERS,
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
        'x-request-id': request.id,
      });
      if (request.method === 'HEAD') {
        reply.raw.end();
        return;
      }
      const stream = new EventStream(reply.raw);
      open.add(stream);
      const leave = watcher.follow(record.id, (seen) => {
        const ends = isTerminal(seen.state);
        stream.send(messageOf(seen), ends);
      });
      reply.raw.on('close', () => {
        leave();
        open.delete(stream);
      });
    },
  );
};

async function encode(context: GatewayContext, record: JobRecord): Promise<string> {
  const stats = record.state === 'succeeded' ? await context.results.stats(record) : undefined;
  const view = jobView(record, stats, context.clock.now());
  return `id: ${eventId(record)}\nevent: job\ndata: ${JSON.stringify(view)}\n\n`;
}

function eventId({ state, status, submittedAt }: JobRecord): string {
  return `${state}@${status?.updated_at ?? new Date(submittedAt).toISOString()}`;
}

/** One client. Messages go out in the order they were given; while the client is slow, only the latest waits. */
class EventStream {
  readonly #raw: ServerResponse;
  #tail: Promise<void> = Promise.resolve();
  #waiting: string | undefined;
  #ending = false;

  constructor(raw: ServerResponse) {
    this.#raw = raw;
    raw.on('drain', () => this.#flush());
    raw.on('error', () => raw.destroy());
  }

  send(message: Promise<string>, last: boolean): void {
    this.#tail = this.#tail.then(async () => {
      try {
        this.#waiting = await message;
      } catch {
        // The store failed under the statistics: the client comes back by itself.
        this.#raw.destroy();
        return;
      }
      if (last) this.#ending = true;
      if (!this.#raw.writableNeedDrain) this.#flush();
    });
  }

  comment(text: string): void {
    if (!this.#raw.writableNeedDrain && !this.#raw.writableEnded) this.#raw.write(`: ${text}\n\n`);
  }

  /** Ends without an `end` event: the client is to come back. */
  end(): void {
    this.#raw.end();
  }

  #flush(): void {
    if (this.#raw.writableEnded || this.#waiting === undefined) return;
    const message = this.#waiting;
    this.#waiting = undefined;
    if (this.#ending) this.#raw.end(`${message}event: end\ndata: {}\n\n`);
    else this.#raw.write(message);
  }
}
