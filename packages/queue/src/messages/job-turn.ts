/** Espalier's own message between lanes: "look at this job again". All that matters about it is in the bucket. */
import { isJobId, JOB_BODY_MAX_BYTES, JobStatusSchema } from '@espalier/contracts';
import { z } from 'zod';
import type { JobTurn } from './types.ts';

/** https://www.w3.org/TR/trace-context/#traceparent-header */
export const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export const JobTurnSchema = z.object({
  espalier: z.object({
    job: z.string().refine(isJobId, { error: 'must be a job id' }),
    key: z.string().min(1).max(1024).optional(),
    // A trace that cannot be read must not cost a job.
    traceparent: z.string().regex(TRACEPARENT).optional().catch(undefined),
    // Without it the same is read from the bucket.
    handed: z
      .object({ job: z.unknown(), status: JobStatusSchema, etag: z.string().min(1) })
      .optional()
      .catch(undefined),
  }),
});

/** `handed` is left out where the message would be longer than any that is read. */
export function encodeJobTurn({ job, key, traceparent, handed }: JobTurn): string {
  const espalier = { job, ...(key !== undefined && { key }), ...(traceparent !== undefined && { traceparent }) };
  const whole = JSON.stringify({ espalier: { ...espalier, ...(handed !== undefined && { handed }) } });
  return Buffer.byteLength(whole) <= JOB_BODY_MAX_BYTES ? whole : JSON.stringify({ espalier });
}
