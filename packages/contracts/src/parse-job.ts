/** `parseJob`: anything in, a runnable job out, or a `RejectedError` that says what is wrong and what to do. */
import type { z } from 'zod';
import { RejectedError } from './errors.ts';
import { BareJobSchema, isObject, JOB_EXTRAS, type Job, type JobExtras, JobSchema } from './job.ts';
import { type InputCode, type JobInput, JobInputSchema, SEED_MAX, type UnseededInput } from './job-input.ts';
import { jobRemedy } from './job-remedies.ts';
import { DEFAULT_OUTPUTS } from './outputs.ts';
import type { RandomInteger } from './ports.ts';
import { quoted, shownValue } from './shown-value.ts';

export interface ParseJobOptions {
  /** Used when the job names none. */
  readonly id: string;
  /** Draws the seed of a job that names none. */
  readonly random: RandomInteger;
}

/**
 * Checks a job in its bare form `{"prompt": ...}` or in the envelope `{"input": {"prompt": ...}}`.
 *
 * @throws RejectedError with the message of the first fault: the input's own faults in the order of
 *   `INPUT_MESSAGES`, then those of the other fields, then unknown keys.
 */
export function parseJob(body: unknown, options: ParseJobOptions): Job {
  if (!isObject(body)) {
    throw new RejectedError(`a job must be a JSON object, not ${nameOf(body)}`, {
      code: 'JOB_NOT_OBJECT',
      remedy: `it is ${shownValue(body)}: write {"prompt": "A wooden treasure chest"}`,
    });
  }
  if (Object.hasOwn(body, 'input')) {
    const { input, ...rest } = check(JobSchema, body);
    return assemble(input, rest, options);
  }
  const { prompt, seed, simplify, texture_size, ...rest } = check(BareJobSchema, body);
  return assemble({ prompt, seed, simplify, texture_size }, rest, options);
}

/** Checks the four parameters alone, as a RunPod `input` carries them. */
export function parseJobInput(input: unknown, random: RandomInteger): JobInput {
  if (!isObject(input)) {
    throw new RejectedError("'input' must be an object", {
      code: 'INPUT_NOT_OBJECT',
      field: 'input',
      remedy: `it is ${shownValue(input)}: write {"prompt": "A wooden treasure chest"}`,
    });
  }
  return seeded(check(JobInputSchema, input), random);
}

function assemble(input: UnseededInput, extras: JobExtras, options: ParseJobOptions): Job {
  return {
    id: extras.id ?? options.id,
    input: seeded(input, options.random),
    ...(extras.webhook !== undefined && { webhook: extras.webhook }),
    ...(extras.webhook_format !== undefined && { webhook_format: extras.webhook_format }),
    outputs: extras.outputs ?? [...DEFAULT_OUTPUTS],
    sampler: {
      ...(extras.sampler?.structure && { structure: extras.sampler.structure }),
      ...(extras.sampler?.latent && { latent: extras.sampler.latent }),
    },
    ...(extras.target_faces !== undefined && { target_faces: extras.target_faces }),
    ...(extras.bake_from !== undefined && { bake_from: extras.bake_from }),
    ...(extras.deadline_seconds !== undefined && { deadline_seconds: extras.deadline_seconds }),
    tags: extras.tags ?? {},
  };
}

function seeded(input: UnseededInput, random: RandomInteger): JobInput {
  return { ...input, seed: input.seed ?? random(SEED_MAX + 1) };
}

function check<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw rejection(parsed.error.issues, value);
}

/** A fault of the input speaks first, wherever in the envelope it stands; unknown keys speak last, or as remedy. */
function rejection(issues: readonly z.core.$ZodIssue[], body: unknown): RejectedError {
  const unknown = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key].join('.')) : [],
  );
  const known = unknown.length > 0 ? `unknown keys: ${list(unknown)}; known are: ${KNOWN_KEYS.join(', ')}` : undefined;
  const faults = issues.filter((issue) => issue.code !== 'unrecognized_keys');
  const first = faults.find((issue) => codeOf(issue) !== undefined) ?? faults[0];
  if (first === undefined) {
    const one = unknown.length === 1;
    return new RejectedError(`Unknown ${one ? 'parameter' : 'parameters'} ${list(unknown)}`, {
      code: 'UNKNOWN_KEYS',
      ...(unknown[0] !== undefined && { field: unknown[0] }),
      remedy: `known are: ${KNOWN_KEYS.join(', ')}; inside 'input' only: ${INPUT_KEYS.join(', ')}`,
    });
  }
  // Callers know the parameters by their own names, whichever form the job came in.
  const field = first.path.join('.').replace(/^input\./, '');
  const remedy = [jobRemedy(body, first.path), known].filter((part) => part !== undefined).join('; ');
  return new RejectedError(first.message, {
    code: codeOf(first) ?? `${(String(first.path[0] ?? 'job')).toUpperCase()}_INVALID`,
    ...(field !== '' && { field }),
    ...(remedy !== '' && { remedy }),
  });
}

const INPUT_KEYS = Object.keys(JobInputSchema.shape);
const KNOWN_KEYS = [...INPUT_KEYS, ...Object.keys(JOB_EXTRAS)];

function codeOf(issue: z.core.$ZodIssue): InputCode | undefined {
  return issue.code === 'custom' ? (issue.params?.code as InputCode | undefined) : undefined;
}

/** Names from outside are quoted, cut and counted: a job of 10,000 wrong keys still gets a readable line. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 10).map(quoted);
  return names.length > 10 ? `${shown.join(', ')} and ${names.length - 10} more` : shown.join(', ');
}

function nameOf(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'a list' : `a ${typeof value}`;
}
