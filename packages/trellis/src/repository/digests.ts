import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readFile, realpath, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Sha256Schema, sha256 } from '@espalier/contracts';
import { z } from 'zod';

const RecordSchema = z.object({ path: z.string(), size: z.number(), mtime: z.string(), digest: Sha256Schema });

/**
 * SHA-256 of files, remembered by path, size and time of change, so that gigabytes of weights are hashed once.
 *
 * A file of a Hugging Face cache is a link to `blobs/<sha256>`: its name is taken at its word.
 */
export class FileDigests {
  readonly #folder: string | undefined;

  /** @param folder Where digests are remembered; without one every call reads the file. */
  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  /** Lower-case hex. Rejects as `node:fs` does when the file cannot be read. */
  async of(path: string): Promise<string> {
    const real = await realpath(path);
    if (basename(dirname(real)) === 'blobs' && Sha256Schema.safeParse(basename(real)).success) return basename(real);
    const { size, mtimeNs } = await stat(real, { bigint: true });
    const key = { path: real, size: Number(size), mtime: String(mtimeNs) };
    const record = this.#folder === undefined ? undefined : join(this.#folder, `${sha256(real)}.json`);
    if (record !== undefined) {
      const known = await readRecord(record);
      if (known?.path === key.path && known.size === key.size && known.mtime === key.mtime) return known.digest;
    }
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(real, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
    const digest = hash.digest('hex');
    if (record !== undefined) await writeRecord(record, { ...key, digest });
    return digest;
  }
}

async function readRecord(path: string): Promise<z.output<typeof RecordSchema> | undefined> {
  try {
    return RecordSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    return undefined; // absent or damaged: the digest is computed anew
  }
}

/** Written aside and renamed, so that a reader never sees half a record; a read-only cache is no reason to fail. */
async function writeRecord(path: string, record: z.output<typeof RecordSchema>): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    const aside = `${path}.${process.pid}`;
    await writeFile(aside, JSON.stringify(record));
    await rename(aside, path);
  } catch {
    // the next process hashes again
  }
}
