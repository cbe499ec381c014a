/** The adapter for a location from the settings. */
import type { StoreLocation } from '@espalier/contracts';
import type { FileStore } from './file-store.ts';
import { FolderStore } from './folder/folder-store.ts';
import type { ObjectStore } from './object-store.ts';
import { openS3Store } from './s3/open.ts';

export interface OpenStoreOptions {
  /** Nothing will be written. @defaultValue false */
  readonly readOnly?: boolean;
  /** Let the store prove that it enforces conditional writes: whoever claims jobs must. @defaultValue unless `readOnly` */
  readonly prove?: boolean;
}

/** @param options `readOnly` for those who only look: needs no right to write, and creates nothing */
export async function openStore(
  location: StoreLocation,
  options: OpenStoreOptions = {},
): Promise<ObjectStore & FileStore> {
  const { readOnly = false, prove = !readOnly } = options;
  return location.kind === 's3' ? openS3Store(location.url, { prove }) : FolderStore.open(location.path, { readOnly });
}
