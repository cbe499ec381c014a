/** Schemas that several routes share. They describe what goes over the wire, for validation and for /openapi.json. */
import { JOB_STATES } from '@espalier/contracts';
import { z } from 'zod';

export const ErrorSchema = z
  .object({
    error: z.string().describe('For people; word for word that of the TRELLIS RunPod worker for its own parameters.'),
    code: z.string().describe('Stable and safe to match on, e.g. PROMPT_MISSING.'),
    field: z.string().optional(),
    remedy: z.string().optional(),
    request_id: z.string(),
  })
  .meta({ id: 'Error' });

export const errors = <const S extends readonly number[]>(...statuses: S) =>
  Object.fromEntries(
    [...statuses, 401, 403, 421, 429, 500, 503].map((status) => [
      status,
      ErrorSchema.describe(REASONS[status] ?? 'Refused'),
    ]),
  ) as Record<S[number], typeof ErrorSchema>;

const REASONS: Readonly<Record<number, string>> = {
  400: 'The request cannot be carried out as it is',
  401: 'An API key is needed',
  403: 'A page of another origin',
  404: 'No such job, or nothing there yet',
  409: 'Not in this state of the job, or its name stands for another one',
  413: 'The body is too large',
  415: 'The body is no JSON',
  416: 'The range lies outside the file',
  421: 'Not a name of this server',
  429: 'Too many requests',
  500: 'A fault of the server',
  503: 'The store cannot be reached, or the server is stopping',
};

/** Job ids of any age are looked up; only those that can exist are. */
export const IdParameter = z.object({
  id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, { error: 'not a job id' })
    .describe('Id of the job'),
});

export const StateSchema = z.enum(JOB_STATES).meta({ id: 'JobState' });

const time = z.string().meta({ format: 'date-time' });

export { time as TimeSchema };
