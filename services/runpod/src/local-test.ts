/**
 * One job from `--test_input` or `test_input.json`, as RunPod's own worker runs it: the flag beats the file, and
 * whatever cannot be run ends with 1. It is read and judged first: what is refused touches no model.
 */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { ensureError, isObject, type Logger, type RunpodOutput } from '@espalier/contracts';
import { errorBody } from './answer.ts';
import { jobOf } from './handler.ts';
import type { TakenJob } from './platform.ts';
import { type LocalContext, type LocalResult, runOnce } from './run-once.ts';

export interface LocalTestSource {
  /** `--test_input`: JSON. */
  readonly testInput?: string | undefined;
  /** `--test_output`: JSON that the whole result must equal. */
  readonly testOutput?: string | undefined;
  /** Folder of `test_input.json`. */
  readonly folder: string;
}

export interface LocalTest {
  readonly job: TakenJob;
  /** What the whole result must equal. */
  readonly expected?: unknown;
}

const FILE = 'test_input.json';

/** @returns nothing where there is no job that could run; the log says why */
export async function readLocalTest(source: LocalTestSource, logger: Logger): Promise<LocalTest | undefined> {
  const { testInput, testOutput, folder } = source;
  let job: unknown;
  let expected: unknown;
  try {
    job = JSON.parse(testInput ?? (await readFile(`${folder}/${FILE}`, 'utf8')));
    expected = testOutput === undefined ? undefined : JSON.parse(testOutput);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    const which = job === undefined ? 'input' : 'output';
    logger.warn({ err: error }, missing ? `${FILE} not found, exiting.` : `the test ${which} is no JSON`);
    return undefined;
  }
  if (!isObject(job) || job.input === undefined || job.input === null) {
    logger.error({}, 'Job has no input parameter. Unable to run.');
    return undefined;
  }
  const taken = { id: typeof job.id === 'string' ? job.id : 'local_test', input: job.input };
  try {
    jobOf(taken);
  } catch (thrown) {
    logger.error({ job: taken.id }, failed(taken.id, errorBody(ensureError(thrown)).error));
    return undefined;
  }
  return { job: taken, ...(testOutput !== undefined && { expected }) };
}

/** @returns the exit code */
export async function runLocalTest(test: LocalTest, context: LocalContext, signal: AbortSignal): Promise<0 | 1> {
  const { logger } = context;
  const { id } = test.job;
  const result = await runOnce(context, test.job, signal);
  if ('error' in result) {
    logger.error({ job: id }, failed(id, result.error));
    return 1;
  }
  logger.info({ job: id, result: summary(result) }, `Job ${id} completed successfully.`);
  if (!('expected' in test)) return 0;
  if (isDeepStrictEqual(result, test.expected)) {
    logger.info({ job: id }, 'Job output matches test_output.');
    return 0;
  }
  logger.error({ job: id }, 'Job output does not match test_output.');
  return 1;
}

function failed(id: string, error: string | undefined): string {
  return `Job ${id} failed with error: ${error}`;
}

/** The file is not for a log. */
function summary(result: Extract<LocalResult, { output: RunpodOutput }>) {
  const { glb_base64, ...numbers } = result.output;
  return { ...numbers, ...(glb_base64 !== undefined && { glb_base64: `${glb_base64.length} characters` }) };
}
