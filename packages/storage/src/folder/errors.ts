/** What the operating system says, as errors that say what to do. */
import { EspalierError, RetryableError, TerminalError } from '@espalier/contracts';

export function systemCode(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}

export const isMissing = (thrown: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(systemCode(thrown) ?? '');

const FAULTS: Readonly<Record<string, readonly [code: string, what: string, remedy: string]>> = {
  ENOSPC: ['STORE_FULL', 'is full', 'free some space; jobs go on from their last checkpoint'],
  EDQUOT: ['STORE_FULL', 'has used up its quota', 'free some space or raise the quota'],
  EFBIG: ['STORE_FULL', 'refuses a file of this size', 'raise the limit on file sizes'],
  EROFS: ['STORE_READ_ONLY', 'is read-only', 'mount it writable, or name another folder in ESPALIER_STORE'],
  EACCES: ['STORE_DENIED', 'may not be used by this user', 'give this user the right to read and write it'],
  EPERM: ['STORE_DENIED', 'may not be changed by this user', 'give this user the right to read and write it'],
  EMFILE: ['STORE_BUSY', 'cannot be used: too many open files', 'raise the limit on open files (ulimit -n)'],
  ENFILE: ['STORE_BUSY', 'cannot be used: too many open files on this machine', 'close other programs'],
};

/** @param location the store, for the message */
export function storeError(thrown: unknown, location: string, doing: string): unknown {
  const code = systemCode(thrown);
  const spokenFor = thrown instanceof EspalierError || (thrown instanceof Error && thrown.name === 'AbortError');
  if (code === undefined || spokenFor) return thrown;
  if (code === 'ENOTDIR' || code === 'EISDIR' || code === 'EEXIST') {
    return new TerminalError(`${doing} failed in ${location}: a file and a folder would need the same name`, {
      code: 'STORE_KEY_CONFLICT',
      remedy: 'a key cannot be the folder of another one in a folder store',
      cause: thrown,
    });
  }
  const [stable, what, remedy] = FAULTS[code] ?? ['STORE_IO', `failed (${code})`, 'check the disk'];
  return new RetryableError(`${doing} failed: ${location} ${what}`, { code: stable, remedy, cause: thrown });
}
