/** Bodies arrive as bytes and are parsed once, by the same bounded parser that reads jobs from the bucket. */
import { JOB_BODY_MAX_BYTES, parseJobBody } from '@espalier/contracts';
import type { FastifyInstance } from 'fastify';
import { HttpError } from './http-error.ts';

export function takeBodiesAsBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: JOB_BODY_MAX_BYTES }, (request, body, done) => {
    const type = request.headers['content-type'] ?? '';
    // RunPod's clients announce JSON and then send nothing where nothing is to be said.
    if (body.length === 0 || /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i.test(type)) return done(null, body);
    done(
      new HttpError(415, `'${type.slice(0, 100)}' is not read here`, {
        code: 'MEDIA_TYPE_UNSUPPORTED',
        field: 'Content-Type',
        remedy: 'send JSON with Content-Type: application/json',
      }),
    );
  });
}

/** @throws RejectedError when it is missing or no JSON */
export function jsonOf(body: unknown): unknown {
  return parseJobBody(body instanceof Uint8Array ? body : new Uint8Array());
}

/** For route schemas: the body is described for the OpenAPI document, and checked in the handler. */
export const describedOnly = () => (value: unknown) => ({ value });
