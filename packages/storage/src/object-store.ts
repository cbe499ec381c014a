/**
 * The port to object storage. The bucket is the only truth of a job, so the two conditional writes below are
 * what all claims and all checkpoints rest on; an adapter that cannot enforce them must not be used.
 */

export interface ObjectInfo {
  readonly key: string;
  /** Changes whenever the content changes; opaque. */
  readonly etag: string;
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAt: number;
}

export interface StoredObject extends ObjectInfo {
  readonly body: Uint8Array;
}

/** `ifNoneMatch: '*'` writes only if the key is free; `ifMatch` only if the object still has that ETag. */
export interface PutOptions {
  readonly ifNoneMatch?: '*';
  readonly ifMatch?: string;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

export type PutResult =
  | { readonly written: true; readonly etag: string }
  /** The condition did not hold: somebody else wrote, or deleted, first. Nothing was changed. */
  | { readonly written: false };

export interface ListPage {
  readonly objects: readonly ObjectInfo[];
  /** Pass it as `after` for the next page; absent on the last one. */
  readonly next?: string;
}

export interface ObjectStore {
  /** For people and logs, e.g. `file:///srv/bucket` or `s3://assets/espalier`. */
  readonly location: string;
  get(key: string, options?: { readonly signal?: AbortSignal }): Promise<StoredObject | undefined>;
  head(key: string): Promise<ObjectInfo | undefined>;
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<PutResult>;
  /** Deleting what is not there is no error. With `ifMatch` only that version is deleted; false when it was another. */
  delete(key: string, options?: { readonly ifMatch?: string }): Promise<boolean>;
  /** Keys under `prefix` in lexicographic order, at most `limit` (default 1,000) a page. */
  list(prefix: string, options?: { readonly after?: string; readonly limit?: number }): Promise<ListPage>;
}
