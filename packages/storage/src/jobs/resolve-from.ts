/**
 * A job that is finished anew from another one's latents: `{"from": "<id>", "input": {"texture_size": 2048}}`.
 *
 * It becomes the other job with its own finish: the same prompt, seed and sampler give the same checkpoint
 * addresses, so everything up to the decoded mesh is found and nothing of it is computed again.
 */
import {
  isJobId,
  isObject,
  JobInputSchema,
  parseJobBody,
  RejectedError,
  shownValue,
  TerminalError,
} from '@espalier/contracts';
import { jobKey } from '../keys.ts';
import type { ObjectStore } from '../object-store.ts';
import { readStatus } from './status-book.ts';

/** What comes from the first job, always. */
const INHERITED_KEYS = ['prompt', 'seed', 'sampler'];
/** What a finish may be told: the rest of the input. */
const FINISH_KEYS = Object.keys(JobInputSchema.shape).filter((key) => !INHERITED_KEYS.includes(key));
/** A finish of a finish of a finish. */
const GENERATIONS_MAX = 8;

/**
 * The body of a plain job for one that names `from`; any other body as it is. `parseJob` knows no `from`: whoever takes
 * jobs in calls this first.
 *
 * @throws RejectedError FROM_INVALID, FROM_NOT_FOUND, FROM_NOT_READY
 */
export async function resolveFrom(store: ObjectStore, body: unknown): Promise<unknown> {
  if (!isObject(body) || !('from' in body)) return body;
  const { from, ...own } = body;
  if (typeof from !== 'string' || !isJobId(from)) {
    throw new RejectedError("'from' must be the id of another job", {
      code: 'FROM_INVALID',
      field: 'from',
      remedy: `it is ${shownValue(from)}: give the id of a job that has begun`,
    });
  }
  const nested = isObject(own.input) ? own.input : {};
  for (const key of INHERITED_KEYS) {
    if (!(key in own) && !(key in nested)) continue;
    throw new RejectedError(`'${key}' cannot be given beside 'from': it is that of job '${from}'`, {
      code: 'FROM_INVALID',
      field: key,
      remedy: `give only ${FINISH_KEYS.join(' and ')}, or submit a job without 'from'`,
    });
  }
  const first = await readFirst(store, from, 0);
  const { input, ...rest } = own;
  // A wrong `input` is for the job's own check to refuse.
  if (input !== undefined && !isObject(input)) return own;
  const extras = Object.fromEntries(Object.entries(rest).filter(([key]) => !FINISH_KEYS.includes(key)));
  return {
    ...extras,
    ...(first.sampler !== undefined && { sampler: first.sampler }),
    input: { ...first.input, ...pick(rest, FINISH_KEYS), ...input },
  };
}

interface First {
  readonly input: Readonly<Record<string, unknown>>;
  readonly sampler: unknown;
}

/** The input and sampler of the job at the beginning, with the seed that was drawn for it. */
async function readFirst(store: ObjectStore, id: string, generation: number): Promise<First> {
  const seen = await readStatus(store, id).catch((error: unknown) => {
    if (error instanceof TerminalError) return undefined; // a record that cannot be read is none
    throw error;
  });
  if (seen === undefined && (await store.head(jobKey(id))) !== undefined) throw notReady(id);
  const object = seen === undefined ? undefined : await store.get(seen.status.source);
  if (seen === undefined || object === undefined || generation > GENERATIONS_MAX) {
    throw notFound(id);
  }
  if (seen.status.seed === undefined) throw notReady(id);
  const body = parseJobBody(object.body);
  if (!isObject(body)) throw notFound(id);
  const input = isObject(body.input) ? body.input : pick(body, ['prompt', ...FINISH_KEYS]);
  if (typeof body.from === 'string') {
    const first = await readFirst(store, body.from, generation + 1);
    return { input: { ...first.input, ...pick(input, FINISH_KEYS) }, sampler: first.sampler };
  }
  return { input: { ...input, seed: seen.status.seed }, sampler: body.sampler };
}

function notFound(id: string): RejectedError {
  return new RejectedError(`there is no job '${id}' to go on from`, {
    code: 'FROM_NOT_FOUND',
    field: 'from',
    remedy: 'name a job whose record is still in the bucket',
  });
}

function notReady(id: string): RejectedError {
  return new RejectedError(`job '${id}' has not begun: its seed is not known`, {
    code: 'FROM_NOT_READY',
    field: 'from',
    remedy: 'submit this again when that job runs or has ended',
  });
}

function pick(from: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]));
}
