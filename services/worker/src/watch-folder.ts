/** Wakes a worker when a file is dropped into a local folder, so that it need not wait for its next sweep. */
import { mkdirSync, watch } from 'node:fs';
import type { Logger } from '@espalier/contracts';

/**
 * Calls `onChange` when something in the folder changes. Gives a function that ends it.
 *
 * A system that cannot watch (a network file system, too many watches) is no fault: sweeps find everything.
 */
export function watchFolder(folder: string, onChange: () => void, logger: Logger): () => void {
  try {
    mkdirSync(folder, { recursive: true });
    const watcher = watch(folder, () => onChange());
    watcher.on('error', (error) => logger.debug({ err: error }, 'folder is no longer watched; sweeps go on'));
    return () => watcher.close();
  } catch (error) {
    logger.debug({ err: error }, 'folder cannot be watched; sweeps find new jobs');
    return () => {};
  }
}
