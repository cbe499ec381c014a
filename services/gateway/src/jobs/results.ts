/** Reads what a job made. Results never change under their ETag, so small ones are kept in memory for a while. */
import { type JobStats, JobStatsSchema } from '@espalier/contracts';
import { type FileStore, type ObjectInfo, type ObjectStore, resultKey, type StoredObject } from '@espalier/storage';
import { LRUCache } from 'lru-cache';
import type { JobRecord } from './job-records.ts';

/** What results are read from: whole, or a part of one without the rest. */
export type ResultStore = ObjectStore & Pick<FileStore, 'readFrom'>;

/** Memory for result bytes. */
const CACHE_BYTES = 128 * 1024 * 1024;

export class Results {
  readonly #store: ResultStore;
  readonly #objects = new LRUCache<string, StoredObject>({
    maxSize: CACHE_BYTES,
    maxEntrySize: CACHE_BYTES / 2,
    sizeCalculation: ({ size }) => Math.max(1, size),
  });
  readonly #stats = new WeakMap<StoredObject, JobStats | undefined>();
  readonly #base64 = new WeakMap<StoredObject, string>();

  constructor(store: ResultStore) {
    this.#store = store;
  }

  head(record: JobRecord, name: string): Promise<ObjectInfo | undefined> {
    return this.#store.head(keyOf(record, name));
  }

  /** @param name `model.glb`, `stats.json`, ... */
  async get(record: JobRecord, name: string): Promise<StoredObject | undefined> {
    const key = keyOf(record, name);
    const info = await this.#store.head(key);
    if (info === undefined) return undefined;
    const cached = this.#objects.get(`${key} ${info.etag}`);
    if (cached !== undefined) return cached;
    const object = await this.#store.get(key);
    if (object !== undefined) this.#objects.set(`${key} ${object.etag}`, object);
    return object;
  }

  /**
   * Bytes `start` to `end`, both inclusive, of the version that `info` is of, from memory where it lies there.
   *
   * @returns undefined where that version was replaced or removed
   */
  async read(
    info: ObjectInfo,
    { start, end }: { readonly start: number; readonly end: number },
    signal: AbortSignal,
  ): Promise<Uint8Array | AsyncIterable<Uint8Array> | undefined> {
    const cached = this.#objects.get(`${info.key} ${info.etag}`);
    if (cached !== undefined) return cached.body.subarray(start, end + 1);
    if (start > end) return new Uint8Array();
    const stream = await this.#store.readFrom(info.key, start, { bytes: end + 1 - start, ifMatch: info.etag, signal });
    return stream?.body;
  }

  /** Statistics of a finished job; nothing when they were removed or cannot be read. */
  async stats(record: JobRecord): Promise<JobStats | undefined> {
    const object = await this.get(record, 'stats.json');
    if (object === undefined) return undefined;
    if (this.#stats.has(object)) return this.#stats.get(object);
    const stats = parseStats(object.body);
    this.#stats.set(object, stats);
    return stats;
  }

  base64(object: StoredObject): string {
    let text = this.#base64.get(object);
    if (text === undefined) {
      text = Buffer.from(object.body.buffer, object.body.byteOffset, object.body.byteLength).toString('base64');
      this.#base64.set(object, text);
    }
    return text;
  }
}

function keyOf({ id, status }: JobRecord, name: string): string {
  return status?.results?.[name] ?? resultKey(id, name);
}

function parseStats(body: Uint8Array): JobStats | undefined {
  try {
    return JobStatsSchema.parse(JSON.parse(Buffer.from(body).toString('utf8')));
  } catch {
    return undefined; // written by another version: the model itself is still good
  }
}
