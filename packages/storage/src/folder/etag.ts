/**
 * ETags of files: the SHA-256 of the content. A file that was hashed once and has not been touched since is not
 * read again.
 */
import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '@espalier/contracts';

/** Below this a hash costs less than handing it to another thread. */
const INLINE_BYTES = 256 * 1024;
/** A file changed this shortly before it was hashed may change again within the same tick of its time stamp. */
const RACY_MILLISECONDS = 2000;
const REMEMBERED = 20_000;

export async function etagOf(body: Uint8Array): Promise<string> {
  if (body.byteLength <= INLINE_BYTES) return createHash('sha256').update(body).digest('hex');
  // Off the main thread: heartbeats must not wait for 100 MB to be hashed.
  const digest = await crypto.subtle.digest('SHA-256', body as Uint8Array<ArrayBuffer>);
  return Buffer.from(digest).toString('hex');
}

export class EtagCache {
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly identity: string; readonly etag: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  recall(path: string, stats: BigIntStats): string | undefined {
    const entry = this.#known.get(path);
    return entry?.identity === identityOf(stats) ? entry.etag : undefined;
  }

  remember(path: string, stats: BigIntStats, etag: string): void {
    if (this.#clock.now() - Number(stats.ctimeMs) < RACY_MILLISECONDS) return;
    // Forgetting all at once is crude and rare; the next listing pays for it once.
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(path, { identity: identityOf(stats), etag });
  }

  /** Reads the file in pieces, so that size costs no memory. @throws the system's error */
  async ofFile(path: string, stats: BigIntStats): Promise<string> {
    const known = this.recall(path, stats);
    if (known !== undefined) return known;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    const etag = hash.digest('hex');
    this.remember(path, stats, etag);
    return etag;
  }
}

/** Another one for every file that stood at a path, and whenever its content changed. */
export function identityOf(stats: BigIntStats): string {
  return `${stats.dev}.${stats.ino}.${stats.size}.${stats.mtimeNs}.${stats.ctimeNs}`;
}
