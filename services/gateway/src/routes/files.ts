/** The files a job made, with ranges and ETags. */
import { contentTypeOf } from '@espalier/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { findJob, type GatewayContext } from '../context.ts';
import { HttpError } from '../http/http-error.ts';
import { matchesEtag, parseRange } from '../http/range.ts';
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

export const fileRoutes: FastifyPluginAsyncZod<{ context: GatewayContext }> = async (app, { context }) => {
  const serve = async (request: FastifyRequest, reply: FastifyReply, id: string, name: string) => {
    const record = await findJob(context, id);
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
    if (matchesEtag(request.headers['if-none-match'], etag)) return reply.code(304).send();
    const ifRange = request.headers['if-range'];
    const range =
      ifRange === undefined || ifRange === etag
        ? parseRange(request.headers.range, info.size)
        : ({ kind: 'whole' } as const);
    if (range.kind === 'unsatisfiable') {
      reply.header('content-range', `bytes */${info.size}`);
      throw new HttpError(416, `the file has ${info.size} bytes`, { code: 'RANGE_UNSATISFIABLE', field: 'Range' });
    }
    const object = await context.results.get(record, name);
    if (object === undefined) throw new HttpError(404, `${name} was just removed`, { code: 'FILE_NOT_FOUND' });
    // Replaced between the two looks: the parts of two files must not be mixed.
    reply.header('etag', `"${object.etag}"`);
    const body = Buffer.from(object.body.buffer, object.body.byteOffset, object.body.byteLength);
    if (range.kind === 'whole' || object.etag !== info.etag) return reply.send(body);
    reply.header('content-range', `bytes ${range.start}-${range.end}/${object.size}`);
    return reply.code(206).send(body.subarray(range.start, range.end + 1));
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
