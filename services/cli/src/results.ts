/** Result files out of the bucket, into the folder the user asked for: whole, or not at all. */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TerminalError } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';

/**
 * Copies objects to files of the given names.
 *
 * @returns paths by name
 * @throws TerminalError OUTPUT_FAILED; the results stay in the bucket
 */
export async function copyResults(
  store: ObjectStore,
  keys: Readonly<Record<string, string>>,
  folder: string,
): Promise<Record<string, string>> {
  const paths: Record<string, string> = {};
  for (const [name, key] of Object.entries(keys)) {
    const object = await store.get(key);
    if (object === undefined) throw failed(folder, store, new Error(`${key} is gone`));
    paths[name] = join(folder, name);
    await writeWhole(folder, name, object.body).catch((cause: unknown) => {
      throw failed(folder, store, cause);
    });
  }
  return paths;
}

async function writeWhole(folder: string, name: string, body: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true });
  const draft = join(folder, `.${name}.${process.pid}`);
  try {
    const file = await open(draft, 'w');
    await file.writeFile(body);
    await file.sync();
    await file.close();
    await rename(draft, join(folder, name));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => {});
    throw error;
  }
}

function failed(folder: string, store: ObjectStore, cause: unknown): TerminalError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TerminalError(`the results could not be written to ${folder}: ${why}`, {
    code: 'OUTPUT_FAILED',
    field: '--out',
    remedy: `they are kept in ${store.location}: run the same command with another --out, it takes no time`,
    cause,
  });
}
