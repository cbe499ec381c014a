import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderStore } from '../src/index.ts';
import { describeObjectStore } from './conformance.ts';

describeObjectStore('folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-store-'));
  return {
    store: await FolderStore.open(folder),
    remote: { module: new URL('./open-folder.ts', import.meta.url).href, argument: folder },
    dispose: () => rm(folder, { recursive: true }),
  };
});
