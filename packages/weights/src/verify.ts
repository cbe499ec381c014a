/** Reads every byte of a pulled model again, and says which files are not what they were. */
import { join } from 'node:path';
import { hashFile } from './file-digest.ts';
import { HubCache, sizeOf } from './hub-cache.ts';
import { type Lock, lockPath, readLock } from './lock-file.ts';

export interface FileFault {
  readonly path: string;
  readonly fault: 'missing' | 'size' | 'checksum';
}

export interface VerifyOptions {
  readonly huggingFaceHome: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly total: number; readonly have: number }) => void;
}

export interface Verified {
  readonly lock: Lock;
  readonly faults: readonly FileFault[];
}

/** @returns undefined when there is no record of a download to compare with */
export async function verifyPulled(model: string, options: VerifyOptions): Promise<Verified | undefined> {
  const cache = new HubCache(options.huggingFaceHome);
  const lock = await readLock(lockPath(cache, model));
  if (lock === undefined) return undefined;
  const total = lock.files.reduce((sum, { size }) => sum + size, 0);
  let have = 0;
  const faults: FileFault[] = [];
  for (const { repository, path: name, size, sha256 } of lock.files) {
    const path = join(cache.snapshotFolder(repository, lock.repositories[repository] ?? ''), name);
    const found = await sizeOf(path);
    if (found !== size) {
      faults.push({ path, fault: found === undefined ? 'missing' : 'size' });
      have += size;
    } else {
      const onBytes = (bytes: number) => {
        have += bytes;
        options.onProgress?.({ total, have });
      };
      const { matches } = await hashFile(path, { algorithm: 'sha256', hex: sha256 }, { ...options, onBytes });
      if (!matches) faults.push({ path, fault: 'checksum' });
    }
    options.onProgress?.({ total, have });
  }
  return { lock, faults };
}

/** Models that were pulled, by their records. */
export async function pulledModels(huggingFaceHome: string): Promise<Lock[]> {
  const { readdir } = await import('node:fs/promises');
  const cache = new HubCache(huggingFaceHome);
  const names = await readdir(cache.folder).catch(() => []);
  const locks: Lock[] = [];
  for (const name of names.sort()) {
    const [, owner, repository] = /^models--(.+?)--(.+)$/.exec(name) ?? [];
    if (owner === undefined || repository === undefined) continue;
    // A broken record is the pull's to complain of, not the list's.
    const lock = await readLock(lockPath(cache, `${owner}/${repository}`)).catch(() => undefined);
    if (lock !== undefined) locks.push(lock);
  }
  return locks;
}
