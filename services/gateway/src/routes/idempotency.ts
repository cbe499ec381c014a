/** The `Idempotency-Key` header: the same key of the same caller gives the same job. */
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { HttpError } from '../http/http-error.ts';

export const IdempotencyHeader = z.object({
  'idempotency-key': z.string().min(1).max(255).optional().describe('The same key gives the same job'),
});

/** @throws HttpError 400 IDEMPOTENCY_KEY_INVALID */
export function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const value = request.headers['idempotency-key'];
  if (value === undefined) return undefined;
  if (typeof value === 'string' && value.length >= 1 && value.length <= 255) return value;
  throw new HttpError(400, "'Idempotency-Key' must be one text of 1 to 255 characters", {
    code: 'IDEMPOTENCY_KEY_INVALID',
    field: 'Idempotency-Key',
    remedy: 'a UUID serves well',
  });
}
