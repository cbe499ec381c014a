/** Keys of a folder tree in the order of their UTF-8 bytes, one folder in memory at a time. */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from './errors.ts';
import { nameToSegment, PRIVATE_FOLDER } from './names.ts';

export interface FoundFile {
  readonly key: string;
  readonly path: string;
}

/** Keys that start with `prefix` and come after `after`, in order. */
export async function* walkKeys(root: string, prefix: string, after: string): AsyncGenerator<FoundFile> {
  yield* walk(root, '', prefix, after);
}

async function* walk(folder: string, base: string, prefix: string, after: string): AsyncGenerator<FoundFile> {
  for (const entry of await sortedEntries(folder, base)) {
    const key = base + entry.segment;
    if (entry.isFolder) {
      const below = `${key}/`;
      if (!below.startsWith(prefix) && !prefix.startsWith(below)) continue;
      // Everything below sorts before `after`.
      if (!after.startsWith(below) && compareKeys(below, after) < 0) continue;
      yield* walk(join(folder, entry.name), below, prefix, after);
    } else if (key.startsWith(prefix) && compareKeys(key, after) > 0) {
      yield { key, path: join(folder, entry.name) };
    }
  }
}

interface Entry {
  readonly name: string;
  readonly segment: string;
  readonly isFolder: boolean;
  readonly order: Buffer;
}

async function sortedEntries(folder: string, base: string): Promise<Entry[]> {
  let found: Dirent[];
  try {
    found = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
  const entries = found
    .filter((entry) => (entry.isFile() || entry.isDirectory()) && !(base === '' && entry.name === PRIVATE_FOLDER))
    .map((entry): Entry => {
      const segment = nameToSegment(entry.name);
      const isFolder = entry.isDirectory();
      // A folder stands where its slash puts it: `a-b` comes before `a/b`.
      return { name: entry.name, segment, isFolder, order: Buffer.from(isFolder ? `${segment}/` : segment) };
    });
  return entries.sort((a, b) => Buffer.compare(a.order, b.order));
}

/** The order of S3: by UTF-8 bytes, which differs from JavaScript's outside the basic plane. */
function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
