/**
 * One job from `--test_input` or `test_input.json`, as RunPod's own worker runs it: the flag beats the file, and
 * whatever cannot be run ends with 1.
 */
import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { isObject, type RunpodOutput } from '@espalier/contracts';
import { type LocalContext, type LocalResult, runOnce } from './run-once.ts';

export interface LocalTestOptions extends LocalContext {
  /** `--test_input`: JSON. */
  readonly testInput?: string | undefined;
  /** `--test_output`: JSON that the whole result must equal. */
  readonly testOutput?: string | undefined;
  /** Folder of `test_input.json`. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

const FILE = 'test_input.json';

/** @returns the exit code */
export async function runLocalTest(options: LocalTestOptions): Promise<0 | 1> {
  const { logger, testInput, testOutput } = options;
  let job: unknown;
  try {
    const text = testInput ?? (await readFile(`${options.folder}/${FILE}`, 'utf8'));
    job = JSON.parse(text);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    logger.warn({ err: error }, missing ? `${FILE} not found, exiting.` : 'the test input is no JSON');
    return 1;
  }
  if (!isObject(job) || job.input === undefined || job.input === null) {
    logger.error({}, 'Job has no input parameter. Unable to run.');
    return 1;
  }
  const id = typeof job.id === 'string' ? job.id : 'local_test';
  const result = await runOnce(options, { id, input: job.input }, options.signal);
  if ('error' in result) {
    logger.error({ job: id }, `Job ${id} failed with error: ${result.error}`);
    return 1;
  }
  logger.info({ job: id, result: summary(result) }, `Job ${id} completed successfully.`);
  if (testOutput === undefined) return 0;
  if (isDeepStrictEqual(result, JSON.parse(testOutput))) {
    logger.info({ job: id }, 'Job output matches test_output.');
    return 0;
  }
  logger.error({ job: id }, 'Job output does not match test_output.');
  return 1;
}

/** The file is not for a log. */
function summary(result: Extract<LocalResult, { output: RunpodOutput }>) {
  const { glb_base64, ...numbers } = result.output;
  return { ...numbers, ...(glb_base64 !== undefined && { glb_base64: `${glb_base64.length} characters` }) };
}
