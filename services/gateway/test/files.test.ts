import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderStore } from '@espalier/storage';
import { describeFileServing } from './file-serving.ts';

describeFileServing('a folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-files-'));
  return { store: await FolderStore.open(folder), dispose: () => rm(folder, { recursive: true, force: true }) };
});
