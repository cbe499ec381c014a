/** Opens an S3 store without loading the AWS client in programs that never use one. */
import type { FileStore } from '../file-store.ts';
import type { LinkSigner } from '../link-signer.ts';
import type { ObjectStore } from '../object-store.ts';
import { probeConditionalWrites } from '../probe.ts';
import { parseS3Url } from './location.ts';
import type { S3StoreOptions } from './s3-store.ts';

export interface OpenS3Options extends S3StoreOptions {
  /** See `OpenStoreOptions`. Without it no request is made before the first use. @defaultValue true */
  readonly prove?: boolean;
}

/**
 * @param url `s3://bucket/prefix`
 * @throws TerminalError SETTING_INVALID, STORE_NOT_CONDITIONAL
 * @throws RetryableError STORE_*: the bucket cannot be reached or used now
 */
export async function openS3Store(
  url: string,
  { prove = true, ...options }: OpenS3Options = {},
): Promise<ObjectStore & LinkSigner & FileStore> {
  const location = parseS3Url(url);
  const { S3Store } = await import('./s3-store.ts');
  const store = new S3Store(location, options);
  if (prove) await probeConditionalWrites(store);
  return store;
}
