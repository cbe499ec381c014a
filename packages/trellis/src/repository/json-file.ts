import { readFile } from 'node:fs/promises';
import { TerminalError } from '@espalier/contracts';
import type { z } from 'zod';

/** What a person does about a model folder that is incomplete or broken. */
export const PULL_REMEDY = 'fetch the model again with `espalier models pull`';

/**
 * Reads and checks a JSON file of a model repository.
 *
 * @throws TerminalError `MODEL_FILE_MISSING` when it cannot be read, `MODEL_FILE_INVALID` when it is no JSON or
 *   does not fit; the message names the file, and the field and what is wrong with it.
 */
export async function readJsonFile<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
  return checkJson(await parseJsonFile(path), schema, path);
}

export async function parseJsonFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new TerminalError(`${path} cannot be read: ${PULL_REMEDY}`, {
      code: 'MODEL_FILE_MISSING',
      field: path,
      remedy: PULL_REMEDY,
      cause,
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TerminalError(`${path} is not JSON (${(cause as Error).message}): ${PULL_REMEDY}`, {
      code: 'MODEL_FILE_INVALID',
      field: path,
      remedy: PULL_REMEDY,
      cause,
    });
  }
}

/** @throws TerminalError `MODEL_FILE_INVALID` naming `path` and up to three fields at fault. */
export function checkJson<S extends z.ZodType>(value: unknown, schema: S, path: string): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, 3).map((issue) => {
    const where = issue.path.join('.');
    return where === '' ? issue.message : `'${where}': ${issue.message}`;
  });
  const [first] = result.error.issues;
  throw new TerminalError(`${path}: ${faults.join('; ')}`, {
    code: 'MODEL_FILE_INVALID',
    field: first?.path.join('.') || path,
    remedy: `correct the file, or ${PULL_REMEDY}`,
    cause: result.error,
  });
}
