/**
 * Brings one file into the cache: whole and proved, or not at all.
 *
 * Holds: a name under `blobs/` stands for content that was read back from the disk and had that digest. What broke off
 * stays as `<digest>.incomplete`, and the next try, of this process or a later one, asks for the rest.
 */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CancelledError, EspalierError, RetryableError, TerminalError } from '@espalier/contracts';
import { hashFile } from './file-digest.ts';
import { partialPath, sizeOf } from './hub-cache.ts';
import { unreachable } from './hub-errors.ts';
import { LinkedAbort } from './linked-abort.ts';
import { type Patience, waitOf } from './patience.ts';
import { fileName, type RemoteFile, type WeightSource } from './source.ts';

export interface TransferOptions {
  readonly source: WeightSource;
  readonly patience: Patience;
  /** Milliseconds without a byte after which a connection counts as dead. */
  readonly idleTimeout: number;
  readonly signal: AbortSignal;
  /** Bytes that were added; less than 0 when some have to be fetched again. */
  readonly onBytes: (bytes: number) => void;
}

/**
 * @param blob where the content goes
 * @returns SHA-256 of the content
 * @throws TerminalError MODEL_SIZE_WRONG, MODEL_CHECKSUM_WRONG, and those of the source
 * @throws RetryableError SOURCE_UNAVAILABLE
 */
export async function fetchFile(file: RemoteFile, blob: string, options: TransferOptions): Promise<string> {
  const partial = partialPath(blob);
  await mkdir(dirname(blob), { recursive: true });
  // A wrong content may come of what an earlier try left: one that began at nothing proves the source wrong.
  for (;;) {
    const clean = ((await sizeOf(partial)) ?? 0) === 0;
    await fetchRest(file, partial, options);
    const { sha256, matches } = await hashFile(partial, file.digest, { signal: options.signal });
    if (matches) {
      await rename(partial, blob);
      return sha256;
    }
    await rm(partial, { force: true });
    options.onBytes(-file.size);
    if (clean) throw checksumWrong(file, options.source.location, sha256);
  }
}

async function fetchRest(file: RemoteFile, partial: string, options: TransferOptions): Promise<void> {
  const { patience, signal, source } = options;
  for (let turn = 1; ; turn += 1) {
    let have = (await sizeOf(partial)) ?? 0;
    if (have > file.size) {
      await rm(partial);
      have = 0;
    }
    if (have === file.size && have > 0) return;
    try {
      await append(file, partial, have, options);
      return;
    } catch (thrown) {
      if (signal.aborted) throw signal.reason instanceof CancelledError ? signal.reason : new CancelledError();
      if (thrown instanceof TerminalError) throw thrown;
      const gained = ((await sizeOf(partial)) ?? 0) > have;
      if (gained) turn = 0; // as long as something comes, it is worth going on
      if (turn >= patience.tries) {
        throw thrown instanceof EspalierError ? thrown : unreachable(source.location, fileName(file), thrown);
      }
      const retryAfter = thrown instanceof RetryableError ? thrown.retryAfterSeconds : undefined;
      await patience.sleep(waitOf(turn + (gained ? 1 : 0), patience.random, retryAfter), signal);
    }
  }
}

/** One connection: from byte `have` to the end, or to where it breaks off. */
async function append(file: RemoteFile, partial: string, have: number, options: TransferOptions): Promise<void> {
  const watch = new Watch(options.idleTimeout, options.signal);
  const { abort } = watch;
  let length = have;
  let chunks: AsyncIterator<Uint8Array> | undefined;
  try {
    const opened = await abort.race(options.source.open(file, have, abort.signal));
    chunks = opened.body[Symbol.asyncIterator]();
    if (opened.size !== undefined && opened.size !== file.size) {
      throw sizeWrong(file, options.source.location, `the answer says ${opened.size}`);
    }
    const whole = opened.offset !== have;
    if (whole && opened.offset !== 0) throw new Error(`asked for byte ${have}, got ${opened.offset}`);
    const target = await open(partial, whole || have === 0 ? 'w' : 'a');
    try {
      if (whole) {
        options.onBytes(-have);
        length = 0;
      }
      // Not every source heeds its signal in mid-body.
      for (let next = await abort.race(chunks.next()); !next.done; next = await abort.race(chunks.next())) {
        watch.alive();
        length += next.value.byteLength;
        if (length > file.size) throw sizeWrong(file, options.source.location, 'more came');
        await target.writeFile(next.value);
        options.onBytes(next.value.byteLength);
      }
      chunks = undefined;
      await target.sync();
    } finally {
      await target.close();
    }
  } finally {
    watch.end();
    chunks?.return?.().catch(() => {}); // lets go of the connection
  }
  if (length < file.size) throw new Error(`the connection ended at byte ${length} of ${file.size}`);
}

/** Ends a connection on which nothing comes any more. */
class Watch {
  readonly abort: LinkedAbort;
  readonly #timeout: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeout: number, signal: AbortSignal) {
    this.#timeout = timeout;
    this.abort = new LinkedAbort(signal);
    this.alive();
  }

  alive(): void {
    clearTimeout(this.#timer);
    const silence = () => this.abort.abort(new Error(`nothing came for ${this.#timeout} ms`));
    this.#timer = setTimeout(silence, this.#timeout);
  }

  end(): void {
    clearTimeout(this.#timer);
    this.abort.release();
  }
}

function sizeWrong(file: RemoteFile, location: string, what: string): TerminalError {
  return new TerminalError(`${location} lists ${fileName(file)} with ${file.size} bytes, but ${what}`, {
    code: 'MODEL_SIZE_WRONG',
    field: file.path,
    remedy: 'the source contradicts itself: check HF_ENDPOINT and proxies, or take another source with --from',
  });
}

function checksumWrong(file: RemoteFile, location: string, sha256: string): TerminalError {
  const { algorithm, hex } = file.digest;
  return new TerminalError(
    `${fileName(file)} from ${location} has another content than it should: its ${algorithm} is not ${hex} (sha256 ${sha256})`,
    {
      code: 'MODEL_CHECKSUM_WRONG',
      field: file.path,
      remedy:
        'nothing of it was kept: run the command again; if it says so again, do not trust this source and take another with --from',
    },
  );
}
