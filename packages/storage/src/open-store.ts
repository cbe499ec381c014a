/** The adapter for a location from the settings; a store that does not enforce conditional writes is refused. */
import type { StoreLocation } from '@espalier/contracts';
import { FolderStore } from './folder/folder-store.ts';
import type { ObjectStore } from './object-store.ts';
import { openS3Store } from './s3/open.ts';

export async function openStore(
  location: StoreLocation,
  options: { readonly readOnly?: boolean } = {},
): Promise<ObjectStore> {
  return location.kind === 's3' ? openS3Store(location.url) : FolderStore.open(location.path, options);
}
