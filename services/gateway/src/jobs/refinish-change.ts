/** What a job is to be finished anew with: the finish's own fields of a job, and nothing else. */
import { jobRemedy, RejectedError, shownValue } from '@espalier/contracts';
import { type RefinishChange, RefinishSchema } from '../schemas/jobs.ts';

/** @throws RejectedError REFINISH_INVALID */
export function parseRefinish(body: unknown): RefinishChange {
  const change = RefinishSchema.safeParse(body);
  if (change.success) return change.data;
  const issue = change.error.issues[0];
  if (issue?.code === 'unrecognized_keys') {
    const names = issue.keys.slice(0, 10).map((key) => `'${key.slice(0, 60)}'`);
    throw new RejectedError(`Unknown parameter ${names.join(', ')}`, {
      code: 'REFINISH_INVALID',
      remedy: `known are: ${Object.keys(RefinishSchema.shape).join(', ')}`,
    });
  }
  const path = issue?.path ?? [];
  const field = path.join('.');
  throw new RejectedError(`${field === '' ? 'the body' : `'${field}'`} is not valid: ${issue?.message}`, {
    code: 'REFINISH_INVALID',
    ...(field !== '' && { field }),
    remedy: jobRemedy(body, path) ?? `it is ${shownValue(body)}: send a JSON object such as {"texture_size": 2048}`,
  });
}
