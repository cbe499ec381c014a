/** For objects that are larger than memory, such as weights: files of the disk in, bytes from any place on out. */

export interface PutFileOptions {
  readonly signal?: AbortSignal;
  /** Bytes that have gone up so far, now and then. */
  readonly onProgress?: (bytes: number) => void;
}

export interface ObjectStream {
  /** Of the whole object, whatever place the stream begins at. Bytes. */
  readonly size: number;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface ReadFromOptions {
  /** No more than this many, at least 1. @defaultValue all to the end */
  readonly bytes?: number;
  /** Only that version is read. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
}

export interface FileStore {
  /** Replaces the object by the content of the file at `path`. Readers never see half of it. */
  putFile(key: string, path: string, options?: PutFileOptions): Promise<void>;
  /**
   * Nothing else of the object is read. A stream never changes over to a version that replaces it: it breaks off.
   *
   * @param offset first byte that is wanted; must lie within the object
   * @returns undefined where there is no object, or another version than `ifMatch`
   */
  readFrom(key: string, offset: number, options?: ReadFromOptions): Promise<ObjectStream | undefined>;
}

export function canStoreFiles(store: object): store is FileStore {
  return 'putFile' in store && 'readFrom' in store;
}
