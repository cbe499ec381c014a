/** Espalier's own message between lanes: "look at this job again". All that matters about it is in the bucket. */
import { isJobId } from '@espalier/contracts';
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
  }),
});

export function encodeJobTurn({ job, key, traceparent }: JobTurn): string {
  const espalier = { job, ...(key !== undefined && { key }), ...(traceparent !== undefined && { traceparent }) };
  return JSON.stringify({ espalier });
}
