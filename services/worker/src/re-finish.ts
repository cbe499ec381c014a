/**
 * A job that is finished anew from another one's latents: `{"from": "<id>", "input": {"texture_size": 2048}}`.
 *
 * It becomes the other job with its own finish: the same prompt, seed and sampler give the same checkpoint
 * addresses, so everything up to the decoded mesh is found and nothing of it is computed again.
 */
import { isJobId, isObject, parseJobBody, RejectedError, TerminalError } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';
import { readStatus } from './status-book.ts';

/** What a finish may be told; everything else comes from the first job. */
const FINISH_KEYS = ['simplify', 'texture_size'] as const;
const INHERITED_KEYS = ['prompt', 'seed', 'sampler'] as const;
/** A finish of a finish of a finish. */
const GENERATIONS_MAX = 8;

/**
 * The body of a plain job for one that names `from`; any other body as it is.
 *
 * @throws RejectedError FROM_INVALID, FROM_NOT_FOUND, FROM_NOT_READY
 */
export async function resolveFrom(store: ObjectStore, body: unknown): Promise<unknown> {
  if (!isObject(body) || !('from' in body)) return body;
  const { from, ...own } = body;
  if (typeof from !== 'string' || !isJobId(from)) {
    throw new RejectedError("'from' must be the id of another job", { code: 'FROM_INVALID', field: 'from' });
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
  const { simplify, texture_size, input, ...extras } = own;
  // A wrong `input` is for the job's own check to refuse.
  if (input !== undefined && !isObject(input)) return own;
  const finish = { simplify, texture_size, ...input };
  const given = Object.fromEntries(Object.entries(finish).filter(([, value]) => value !== undefined));
  return {
    ...extras,
    ...(first.sampler !== undefined && { sampler: first.sampler }),
    input: { ...first.input, ...given },
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
  const object = seen === undefined ? undefined : await store.get(seen.status.source);
  if (seen === undefined || object === undefined || generation > GENERATIONS_MAX) {
    throw new RejectedError(`there is no job '${id}' to go on from`, {
      code: 'FROM_NOT_FOUND',
      field: 'from',
      remedy: 'name a job whose record is still in the bucket',
    });
  }
  if (seen.status.seed === undefined) {
    throw new RejectedError(`job '${id}' has not begun: its seed is not known`, {
      code: 'FROM_NOT_READY',
      field: 'from',
      remedy: 'submit this again when that job runs or has ended',
    });
  }
  const body = parseJobBody(object.body);
  if (!isObject(body)) throw new RejectedError(`job '${id}' is none`, { code: 'FROM_NOT_FOUND', field: 'from' });
  const input = isObject(body.input) ? body.input : pick(body, ['prompt', ...FINISH_KEYS]);
  if (typeof body.from === 'string') {
    const first = await readFirst(store, body.from, generation + 1);
    return { input: { ...first.input, ...pick(input, FINISH_KEYS) }, sampler: first.sampler };
  }
  return { input: { ...input, seed: seen.status.seed }, sampler: body.sampler };
}

function pick(from: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]]));
}
