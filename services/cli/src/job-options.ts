/** A job from the command line: the same checks, and the same messages, as for a job file. */
import { randomInt } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import {
  isObject,
  type Job,
  jobIdFromContent,
  parseJob,
  parseJobBody,
  RejectedError,
  refuseOversized,
  TerminalError,
} from '@espalier/contracts';
import { fromCwd } from './context.ts';
import type { CliIo } from './io.ts';

export interface JobOptions {
  readonly seed?: string;
  readonly simplify?: string;
  readonly textureSize?: string;
  readonly targetFaces?: string;
  readonly bakeFrom?: string;
  /** Names, with commas between them. */
  readonly outputs?: string;
  /** The output of that name, too. */
  readonly turntable?: boolean;
  /** Path of a job file that the other options override. */
  readonly job?: string;
}

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** What is no number stays a text, for the job's own check to name. */
function numberOption(text: string): number | string {
  return DECIMAL.test(text.trim()) ? Number(text) : text;
}

/**
 * The job's JSON, as it would stand in a file.
 *
 * @throws RejectedError as `parseJobBody`; TerminalError USAGE when the file cannot be read
 */
export async function jobBody(io: CliIo, prompt: string | undefined, options: JobOptions): Promise<unknown> {
  const input = {
    ...(prompt !== undefined && { prompt }),
    ...(options.seed !== undefined && { seed: numberOption(options.seed) }),
    ...(options.simplify !== undefined && { simplify: numberOption(options.simplify) }),
    ...(options.textureSize !== undefined && { texture_size: numberOption(options.textureSize) }),
  };
  const body = options.job === undefined ? {} : await readJobFile(fromCwd(io, options.job));
  if (!isObject(body)) return body;
  const extras = {
    ...(options.targetFaces !== undefined && { target_faces: numberOption(options.targetFaces) }),
    ...(options.bakeFrom !== undefined && { bake_from: options.bakeFrom }),
    ...outputsOption(options, body),
  };
  return isObject(body.input)
    ? { ...body, ...extras, input: { ...body.input, ...input } }
    : { ...body, ...extras, ...input };
}

/** `--outputs` stands in place of the job file's own; `--turntable` adds to whichever there are. */
function outputsOption({ outputs, turntable }: JobOptions, body: Readonly<Record<string, unknown>>): object {
  if (outputs === undefined && turntable !== true) return {};
  const before = Array.isArray(body.outputs) ? (body.outputs as unknown[]) : [];
  const named = outputs === undefined ? before : outputs.split(',').map((name) => name.trim());
  return { outputs: turntable === true ? [...named, 'turntable'] : named };
}

/** @throws RejectedError with the message that a job file would get */
export async function jobFromOptions(io: CliIo, prompt: string | undefined, options: JobOptions): Promise<Job> {
  const body = await jobBody(io, prompt, options);
  const random = (bound: number) => randomInt(bound);
  const job = parseJob(body, { id: 'unnamed', random });
  if (isObject(body) && Object.hasOwn(body, 'id')) return job;
  const { id: _unnamed, ...content } = job;
  // The same job gets the same id, and so the same results folder.
  return { ...job, id: jobIdFromContent(job.input.prompt, content) };
}

async function readJobFile(path: string): Promise<unknown> {
  try {
    refuseOversized((await stat(path)).size);
    return parseJobBody(await readFile(path));
  } catch (cause) {
    if (cause instanceof RejectedError) throw cause;
    throw new TerminalError(`--job: ${path} cannot be read`, {
      code: 'USAGE',
      field: '--job',
      remedy: 'name a file of JSON, e.g. {"prompt": "A wooden treasure chest"}, that this user may read',
      cause,
    });
  }
}
