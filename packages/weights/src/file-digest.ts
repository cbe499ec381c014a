/** Hashes files as a hub does. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { FileDigest } from './source.ts';

export interface Hashed {
  /** SHA-256 of the content, lower-case hex. */
  readonly sha256: string;
  /** Whether the content is the one that was expected. */
  readonly matches: boolean;
}

/**
 * SHA-256 of a file, and whether it is the content that `expected` names. Git's id of a content is the SHA-1 over
 * `blob <size>\0` and the content.
 *
 * @param onBytes told of each piece that was read
 */
export async function hashFile(
  path: string,
  expected: FileDigest,
  options: { readonly signal?: AbortSignal | undefined; readonly onBytes?: (bytes: number) => void } = {},
): Promise<Hashed> {
  const sha256 = createHash('sha256');
  const git = expected.algorithm === 'git-sha1' ? createHash('sha1') : undefined;
  git?.update(`blob ${(await stat(path)).size}\0`);
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    options.signal?.throwIfAborted();
    sha256.update(chunk as Buffer);
    git?.update(chunk as Buffer);
    options.onBytes?.((chunk as Buffer).byteLength);
  }
  const hex = sha256.digest('hex');
  return { sha256: hex, matches: expected.hex === (git === undefined ? hex : git.digest('hex')) };
}
