/** Why a job did not succeed, as it stands in status records, rejections and `--json` output. */
import { z } from 'zod';
import { EspalierError, ensureError } from './errors.ts';

export const FailureSchema = z.strictObject({
  /** Stable, e.g. `PROMPT_MISSING`. */
  code: z.string(),
  message: z.string(),
  field: z.string().optional(),
  /** What a person can do about it. */
  remedy: z.string().optional(),
});
export type Failure = z.infer<typeof FailureSchema>;

/** What of an error may be shown: never its stack, which goes to the log. */
export function failureOf(thrown: unknown): Failure {
  if (!(thrown instanceof EspalierError)) {
    return { code: 'INTERNAL', message: ensureError(thrown).message };
  }
  const { code, message, field, remedy } = thrown;
  return { code, message, ...(field !== undefined && { field }), ...(remedy !== undefined && { remedy }) };
}

/** `rejected/<id>.json`: the reason a job was refused; the input stays where it was. */
export const RejectionSchema = z.strictObject({
  id: z.string(),
  rejected_at: z.iso.datetime(),
  /** Key of the refused job object. */
  source: z.string(),
  error: FailureSchema,
});
export type Rejection = z.infer<typeof RejectionSchema>;
