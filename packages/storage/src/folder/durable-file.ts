/** Files that are whole or absent, and still there after a power cut. */
import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Clock, newOwnerTag, ownerLife } from '@espalier/contracts';
import { systemCode } from './errors.ts';

/** Age in milliseconds at which a temporary file of an owner that cannot be checked is removed. */
const ABANDONED_AGE = 24 * 3600 * 1000;

/** Writes `body` under a new name in `folder`, flushed to the disk. The caller links or renames it, then removes it. */
export async function writeDraft(folder: string, body: Uint8Array | AsyncIterable<Uint8Array>): Promise<string> {
  const path = join(folder, newOwnerTag());
  const file = await open(path, 'wx');
  try {
    // Node's types leave out that any iterable of bytes will do.
    await file.writeFile(body as Uint8Array);
    await file.sync();
  } catch (error) {
    await file.close();
    await unlink(path).catch(() => {});
    throw error;
  }
  await file.close();
  return path;
}

/** Makes renames and links in `folder` durable. Does nothing where the system cannot open folders. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'ENOTSUP'].includes(systemCode(error) ?? '')) throw error;
  }
}

/**
 * Creates `folder` and what is above it, durably. Step by step: Node's own `recursive` hides why it fails (on a
 * read-only disk it says that something is missing).
 */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST' && (await stat(folder)).isDirectory()) return;
    if (code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder).catch((again: unknown) => {
      if (systemCode(again) !== 'EEXIST') throw again;
    });
  }
  await syncFolder(dirname(folder));
}

/** Removes what dead processes left behind in a folder of drafts. */
export async function sweepAbandoned(folder: string, clock: Clock): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    try {
      const life = ownerLife(name);
      if (life === 'alive') continue;
      if (life === 'unknown' && clock.now() - (await stat(path)).mtimeMs < ABANDONED_AGE) continue;
      await unlink(path);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
    }
  }
}
