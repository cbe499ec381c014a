/** Opens a folder bucket in a racing process. */
import { FolderStore, type ObjectStore } from '../src/index.ts';

export default (folder: string): Promise<ObjectStore> => FolderStore.open(folder);
