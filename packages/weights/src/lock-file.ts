/**
 * What a download consisted of: every repository's commit and every file's SHA-256. It lies beside the weights and
 * pins a repository that has no pin of its own: whoever fetches again gets the same bytes, or an error.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isObject, Sha256Schema, TerminalError } from '@espalier/contracts';
import { isRepositoryName } from '@espalier/trellis';
import { z } from 'zod';
import type { HubCache } from './hub-cache.ts';

const RepositoryName = z.string().refine(isRepositoryName, { error: 'must be Org/Repo' });
const Commit = z.string().regex(/^[0-9a-f]{40}$/);

export const LockSchema = z.strictObject({
  version: z.literal(1),
  model: RepositoryName,
  /** ISO 8601. */
  pulled_at: z.iso.datetime(),
  /** Where it came from. */
  source: z.string(),
  repositories: z.record(RepositoryName, Commit),
  files: z
    .array(
      z.strictObject({
        repository: RepositoryName,
        path: z.string().refine((path) => !path.startsWith('/') && !/(^|[\\/])\.\.([\\/]|$)|\\/.test(path)),
        size: z.int().nonnegative(),
        sha256: Sha256Schema,
        /** The name of its blob: the SHA-256 again, or git's id of a small file. */
        etag: z.string().regex(/^([0-9a-f]{40}|[0-9a-f]{64})$/),
      }),
    )
    .min(1),
});
export type Lock = z.output<typeof LockSchema>;

export const LOCK_NAME = 'espalier.lock.json';

export function lockPath(cache: HubCache, repository: string): string {
  return join(cache.repositoryFolder(repository), LOCK_NAME);
}

/** @throws TerminalError MODEL_LOCK_INVALID */
export async function readLock(path: string): Promise<Lock | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return parseLock(text, path);
}

/** @throws TerminalError MODEL_LOCK_INVALID */
export function parseLock(text: string, path: string): Lock {
  try {
    const value: unknown = JSON.parse(text);
    return LockSchema.parse(isObject(value) ? value : {});
  } catch (cause) {
    throw new TerminalError(`${path} is no record of a download`, {
      code: 'MODEL_LOCK_INVALID',
      field: path,
      remedy: 'remove it and pull the model again',
      cause,
    });
  }
}

export async function writeLock(path: string, lock: Lock): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}`;
  await writeFile(aside, `${JSON.stringify(lock, null, 2)}\n`);
  await rename(aside, path);
}
