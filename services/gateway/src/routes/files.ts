/** The files a job made, with ranges and ETags. */
import { Readable } from 'node:stream';
import { contentTypeOf, RetryableError } from '@espalier/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findJob, type GatewayContext } from '../context.ts';
import { HttpError } from '../http/http-error.ts';
import { matchesEtag, parseRange, type RangeAnswer } from '../http/range.ts';
import { errors, IdParameter } from '../schemas/common.ts';

const FILE_NAME = /^[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9]+)+$/;

const binary = (type: string) => ({
  description: 'The file',
  content: { [type]: { schema: z.string().meta({ format: 'binary' }) } },
});

const headers = z.object({
  range: z.string().optional().describe('One byte range'),
  'if-none-match': z.string().optional(),
  'if-range': z.string().optional(),
});

/** A file that is replaced again and again between the looks at it is given up after this many. */
const TURNS = 3;

export const fileRoutes: FastifyPluginAsyncZod<{ context: GatewayContext }> = async (app, { context }) => {
  const serve = async (request: FastifyRequest, reply: FastifyReply, id: string, name: string) => {
    const record = await findJob(context, id);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    for (let turn = 0; turn < TURNS; turn += 1) {
      // What is no file name is no key either.
      const info = FILE_NAME.test(name) ? await context.results.head(record, name) : undefined;
      if (info === undefined) {
        throw new HttpError(404, `the job '${id}' has no file '${name}': it is ${record.state}`, {
          code: 'FILE_NOT_FOUND',
          remedy: record.state === 'succeeded' ? 'see its links for what it has' : 'wait until it has succeeded',
        });
      }
      const etag = `"${info.etag}"`;
      reply.headers({
        etag,
        'accept-ranges': 'bytes',
        'cache-control': 'private, no-cache',
        'last-modified': new Date(info.modifiedAt).toUTCString(),
        'content-type': contentTypeOf(name),
        'content-disposition': `inline; filename="${id}-${name}"`,
      });
      if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send(nothing());
      const range = rangeOf(request, etag, info.size);
      if (range.kind === 'unsatisfiable') {
        reply.header('content-range', `bytes */${info.size}`);
        throw new HttpError(416, `the file has ${info.size} bytes`, { code: 'RANGE_UNSATISFIABLE', field: 'Range' });
      }
      const { start, end } = range.kind === 'part' ? range : { start: 0, end: info.size - 1 };
      const length = { 'content-length': end + 1 - start };
      if (request.method === 'HEAD') return reply.headers(length).send(nothing());
      const body = await context.results.read(info, { start, end }, gone.signal);
      // Replaced or removed since: parts of two versions must not be mixed.
      if (body === undefined) continue;
      if (range.kind === 'part') reply.code(206).header('content-range', `bytes ${start}-${end}/${info.size}`);
      return reply.headers(length).send(sendable(body));
    }
    throw new RetryableError(`'${name}' was replaced ${TURNS} times while it was read`, { code: 'STORE_BUSY' });
  };

  app.get(
    '/jobs/:id/model.glb',
    {
      config: { rate: 'read' },
      schema: {
        tags: ['Jobs'],
        operationId: 'getModel',
        summary: 'The asset, as a GLB file',
        params: IdParameter,
        headers,
        response: {
          200: binary('model/gltf-binary'),
          206: binary('model/gltf-binary'),
          304: z.null().describe('Not changed'),
          ...errors(400, 404, 416),
        },
      },
    },
    (request, reply) => serve(request, reply, request.params.id, 'model.glb'),
  );

  app.get(
    '/jobs/:id/:name',
    {
      config: { rate: 'read' },
      schema: {
        tags: ['Jobs'],
        operationId: 'getFile',
        summary: 'Another file of the job, e.g. stats.json',
        params: IdParameter.extend({ name: z.string().min(1).max(100).describe('As the links of the job name it') }),
        headers,
        response: {
          200: binary('*/*'),
          206: binary('*/*'),
          304: z.null().describe('Not changed'),
          ...errors(400, 404, 416),
        },
      },
    },
    (request, reply) => serve(request, reply, request.params.id, request.params.name),
  );
};

/** RFC 9110: ranges are of GET alone; `If-Range` wants the very ETag, or the whole is sent. */
function rangeOf({ method, headers: asked }: FastifyRequest, etag: string, size: number): RangeAnswer {
  const ifRange = asked['if-range'];
  if (method !== 'GET' || (ifRange !== undefined && ifRange !== etag)) return { kind: 'whole' };
  return parseRange(asked.range, size);
}

/** An answer without a body; for anything but a stream Fastify would write a length of its own. */
function nothing(): Readable {
  return Readable.from([]);
}

function sendable(body: Uint8Array | AsyncIterable<Uint8Array>): Buffer | Readable {
  if (body instanceof Uint8Array) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  // A stream of the store's own is closed with the answer, even if nobody read from it.
  return body instanceof Readable ? body : Readable.from(body, { objectMode: false });
}
