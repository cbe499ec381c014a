/** The adapter for a location from the settings. */
import type { StoreLocation } from '@espalier/contracts';
import { FolderStore } from './folder/folder-store.ts';
import type { ObjectStore } from './object-store.ts';

export async function openStore(location: StoreLocation): Promise<ObjectStore> {
  return FolderStore.open(location.path);
}
