/**
 * A folder as a bucket, shared by any number of processes of one machine. Objects are plain files under their
 * keys, so a job can be dropped in with `cp` and a result opened with any viewer.
 *
 * Holds: an object is whole or absent, also after a power cut; of any number of racing conditional writers,
 * in any number of processes, one wins; nothing is lost when a process dies at any instruction.
 */
import { type BigIntStats, createReadStream } from 'node:fs';
import { link, open, readFile, rename, rmdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, newOwnerTag, RetryableError, sha256, systemClock, TerminalError } from '@espalier/contracts';
import type { FileStore, ObjectStream, PutFileOptions, ReadFromOptions } from '../file-store.ts';
import type { ListPage, ObjectInfo, ObjectStore, PutOptions, PutResult, StoredObject } from '../object-store.ts';
import { makeFolder, sweepAbandoned, writeDraft } from './durable-file.ts';
import { isMissing, storeError, systemCode } from './errors.ts';
import { EtagCache, etagOf, identityOf } from './etag.ts';
import { FolderFlushes } from './folder-flushes.ts';
import { walkKeys } from './listing.ts';
import { KeyLocks } from './lock.ts';
import { keyToNames, PRIVATE_FOLDER } from './names.ts';

export interface FolderStoreOptions {
  /** For those who only look: creates nothing, and so works on a read-only disk. @defaultValue false */
  readonly readOnly?: boolean;
  /** @defaultValue the system's */
  readonly clock?: Clock;
}

const PAGE = 1000;
const FOLDER_RETRIES = 10;

export class FolderStore implements ObjectStore, FileStore {
  readonly location: string;
  /** Absolute path of the bucket folder. */
  readonly root: string;
  readonly #temporary: string;
  readonly #locks: KeyLocks;
  readonly #etags: EtagCache;
  readonly #flushes = new FolderFlushes();

  private constructor(root: string, clock: Clock) {
    this.root = root;
    this.location = pathToFileURL(root).href;
    this.#temporary = join(root, PRIVATE_FOLDER, 'tmp');
    this.#locks = new KeyLocks({ folder: locksFolder(root), temporary: this.#temporary, clock });
    this.#etags = new EtagCache(clock);
  }

  /**
   * Opens a bucket folder, creating it where it is missing, and removes what dead processes left unfinished.
   *
   * @throws TerminalError STORE_NOT_A_FOLDER, STORE_UNSUPPORTED
   * @throws RetryableError STORE_READ_ONLY, STORE_DENIED, STORE_FULL: it cannot be written to now
   */
  static async open(folder: string, options: FolderStoreOptions = {}): Promise<FolderStore> {
    const clock = options.clock ?? systemClock;
    const store = new FolderStore(resolve(folder), clock);
    try {
      if (options.readOnly === true) {
        await refuseFile(store.root);
        return store;
      }
      await makeFolder(store.#temporary);
      await makeFolder(locksFolder(store.root));
      await sweepAbandoned(store.#temporary, clock);
      await store.#probe();
    } catch (thrown) {
      if (['ENOTDIR', 'EEXIST'].includes(systemCode(thrown) ?? '')) {
        throw new TerminalError(`${store.root} cannot be a bucket: it is, or lies under, a file`, {
          code: 'STORE_NOT_A_FOLDER',
          remedy: 'name a folder in ESPALIER_STORE or with --store',
          cause: thrown,
        });
      }
      throw storeError(thrown, store.location, 'opening the bucket');
    }
    return store;
  }

  async get(key: string, options: { readonly signal?: AbortSignal } = {}): Promise<StoredObject | undefined> {
    const path = this.#path(key);
    return this.#attempt(`reading ${key}`, async () => {
      const body = await readIfFile(path, options.signal);
      if (body === undefined) return undefined;
      const modifiedAt = (await statIfFile(path))?.mtimeMs;
      return { key, body, etag: await etagOf(body), size: body.byteLength, modifiedAt: Number(modifiedAt ?? 0) };
    });
  }

  async head(key: string): Promise<ObjectInfo | undefined> {
    const path = this.#path(key);
    return this.#attempt(`looking up ${key}`, () => this.#info(key, path));
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    const path = this.#path(key);
    return this.#attempt(`writing ${key}`, async () => {
      const etag = await etagOf(body);
      // Cheap refusals first; the condition is checked again where it counts.
      if (options.ifMatch !== undefined && (await this.#currentEtag(path)) !== options.ifMatch)
        return { written: false };
      if (options.ifNoneMatch !== undefined && (await statIfFile(path)) !== undefined) return { written: false };
      const draft = await writeDraft(this.#temporary, body);
      return (await this.#place(key, draft, path, options)) ? { written: true, etag } : { written: false };
    });
  }

  async delete(key: string, options: { readonly ifMatch?: string } = {}): Promise<boolean> {
    const path = this.#path(key);
    return this.#attempt(`deleting ${key}`, () =>
      this.#locks.hold(lockName(key), async () => {
        const present = (await statIfFile(path)) !== undefined;
        if (options.ifMatch !== undefined && (await this.#currentEtag(path)) !== options.ifMatch) return false;
        if (!present) return true;
        await unlink(path);
        await this.#flushes.flush(dirname(path));
        await this.#removeEmptyFolders(dirname(path));
        return true;
      }),
    );
  }

  async list(prefix: string, options: { readonly after?: string; readonly limit?: number } = {}): Promise<ListPage> {
    const limit = options.limit ?? PAGE;
    return this.#attempt(`listing ${prefix}`, async () => {
      const objects: ObjectInfo[] = [];
      for await (const { key, path } of walkKeys(this.root, prefix, options.after ?? '')) {
        if (objects.length === limit) {
          const last = objects.at(-1);
          return last === undefined ? { objects } : { objects, next: last.key };
        }
        const info = await this.#info(key, path);
        if (info !== undefined) objects.push(info); // else deleted since
      }
      return { objects };
    });
  }

  async putFile(key: string, source: string, options: PutFileOptions = {}): Promise<void> {
    const path = this.#path(key);
    await this.#attempt(`writing ${key}`, async () => {
      const draft = await writeDraft(this.#temporary, counted(source, options));
      await this.#place(key, draft, path, {});
    });
  }

  async readFrom(key: string, offset: number, options: ReadFromOptions = {}): Promise<ObjectStream | undefined> {
    const path = this.#path(key);
    const { ifMatch } = options;
    return this.#attempt(`reading ${key}`, async () => {
      const stats = await statIfFile(path);
      if (stats === undefined) return undefined;
      if (ifMatch !== undefined && (await this.#etags.ofFile(path, stats)) !== ifMatch) return undefined;
      return { size: Number(stats.size), body: partOf(path, stats, offset, options) };
    });
  }

  /** Moves the draft to its place for good, if the condition holds, and takes the draft away in any case. */
  async #place(key: string, draft: string, path: string, options: PutOptions): Promise<boolean> {
    let written = false;
    try {
      options.signal?.throwIfAborted();
      written = await this.#commitInFolder(key, draft, path, options);
      return written;
    } finally {
      // After a rename there is no draft any more.
      await Promise.all([unlink(draft).catch(() => {}), written && this.#flushes.flush(dirname(path))]);
    }
  }

  async #commitInFolder(key: string, draft: string, path: string, options: PutOptions): Promise<boolean> {
    for (let turn = 1; ; turn += 1) {
      try {
        return await this.#commit(key, draft, path, options);
      } catch (error) {
        // The first object of its folder, or somebody deleted the last one beside it, and the empty folder with it.
        if (!isMissing(error) || turn === FOLDER_RETRIES) throw error;
        await makeFolder(dirname(path));
      }
    }
  }

  /** An empty folder would keep its name from ever being a key. Those at the top stay: people drop files there. */
  async #removeEmptyFolders(lowest: string): Promise<void> {
    for (let folder = lowest; dirname(folder).length > this.root.length; folder = dirname(folder)) {
      const removed = await rmdir(folder).then(
        () => true,
        () => false, // not empty, or removed by somebody else
      );
      if (!removed) return;
    }
  }

  /** Moves the draft to its place if the condition holds at that very moment. */
  async #commit(key: string, draft: string, path: string, options: PutOptions): Promise<boolean> {
    if (options.ifNoneMatch !== undefined) {
      // `link` fails if the name exists: the check and the write are one.
      return link(draft, path).then(
        () => true,
        (error: unknown) => {
          if (systemCode(error) === 'EEXIST') return false;
          throw error;
        },
      );
    }
    return this.#locks.hold(lockName(key), async () => {
      if (options.ifMatch !== undefined && (await this.#currentEtag(path)) !== options.ifMatch) return false;
      await rename(draft, path);
      return true;
    });
  }

  async #info(key: string, path: string): Promise<ObjectInfo | undefined> {
    const stats = await statIfFile(path);
    if (stats === undefined) return undefined;
    try {
      const etag = await this.#etags.ofFile(path, stats);
      return { key, etag, size: Number(stats.size), modifiedAt: Number(stats.mtimeMs) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async #currentEtag(path: string): Promise<string | undefined> {
    const body = await readIfFile(path);
    return body === undefined ? undefined : etagOf(body);
  }

  #path(key: string): string {
    return join(this.root, ...keyToNames(key));
  }

  async #attempt<T>(doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      throw storeError(thrown, this.location, doing);
    }
  }

  /** Conditional writes stand on hard links: a file system without them must not be used. */
  async #probe(): Promise<void> {
    const draft = await writeDraft(this.#temporary, new Uint8Array());
    const twin = join(this.#temporary, newOwnerTag());
    try {
      await link(draft, twin);
    } catch (cause) {
      if (!['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP', 'EMLINK'].includes(systemCode(cause) ?? '')) throw cause;
      throw new TerminalError(`${this.root} cannot be a bucket: its file system has no hard links`, {
        code: 'STORE_UNSUPPORTED',
        remedy: 'use a folder on a local disk (ext4, xfs, btrfs, APFS, NTFS)',
        cause,
      });
    } finally {
      await unlink(twin).catch(() => {});
      await unlink(draft).catch(() => {});
    }
  }
}

const CHUNK = 1 << 20;

/** Opens the file when the first piece is asked for, and reads it only if it is still the one that `stats` is of. */
async function* partOf(
  path: string,
  stats: BigIntStats,
  start: number,
  { bytes, signal }: ReadFromOptions,
): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    if (identityOf(await file.stat({ bigint: true })) !== identityOf(stats)) {
      throw new RetryableError(`${path} was replaced while it was read`, {
        code: 'STORE_BUSY',
        remedy: 'read it again',
      });
    }
    const end = bytes === undefined ? Number.POSITIVE_INFINITY : start + bytes - 1;
    for await (const chunk of file.createReadStream({ start, end, autoClose: false, highWaterMark: CHUNK })) {
      signal?.throwIfAborted();
      yield chunk as Uint8Array;
    }
  } finally {
    await file.close();
  }
}

/** The file's bytes, told of as they pass. */
async function* counted(path: string, { signal, onProgress }: PutFileOptions): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: CHUNK }) as AsyncIterable<Uint8Array>) {
    signal?.throwIfAborted();
    yield chunk;
    bytes += chunk.byteLength;
    onProgress?.(bytes);
  }
}

/** @throws an error with the code ENOTDIR */
async function refuseFile(path: string): Promise<void> {
  const found = await stat(path).catch((error: unknown) => {
    if (systemCode(error) !== 'ENOENT') throw error;
  });
  if (found?.isDirectory() === false) throw Object.assign(new Error(`${path} is a file`), { code: 'ENOTDIR' });
}

function locksFolder(root: string): string {
  return join(root, PRIVATE_FOLDER, 'locks');
}

function lockName(key: string): string {
  return sha256(key).slice(0, 32);
}

async function readIfFile(path: string, signal?: AbortSignal): Promise<Uint8Array | undefined> {
  try {
    return await readFile(path, signal === undefined ? {} : { signal });
  } catch (error) {
    if (isMissing(error) || systemCode(error) === 'EISDIR') return undefined;
    throw error;
  }
}

async function statIfFile(path: string) {
  try {
    const stats = await stat(path, { bigint: true });
    return stats.isFile() ? stats : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}
