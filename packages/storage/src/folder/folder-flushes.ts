/**
 * Flushes of folders, shared: whoever needs a folder durable while a flush of it is under way waits for the next one,
 * together with everybody else who came meanwhile. A hundred writers cost two flushes, not a hundred.
 */
import { syncFolder } from './durable-file.ts';

export class FolderFlushes {
  readonly #flush: (folder: string) => Promise<void>;
  /** The flush under way, by folder. */
  readonly #running = new Map<string, Promise<void>>();
  /** The one that begins when that has ended. */
  readonly #next = new Map<string, Promise<void>>();

  constructor(flush: (folder: string) => Promise<void> = syncFolder) {
    this.#flush = flush;
  }

  /** Resolves once everything that stood in `folder` at the time of the call is durable. */
  flush(folder: string): Promise<void> {
    const next = this.#next.get(folder);
    if (next !== undefined) return next;
    const running = this.#running.get(folder);
    if (running === undefined) return this.#begin(folder);
    // How the one under way ends is for those to hear who wait for it.
    const turn = running.catch(() => {}).then(() => this.#begin(folder));
    this.#next.set(folder, turn);
    return turn;
  }

  #begin(folder: string): Promise<void> {
    this.#next.delete(folder);
    const flush = this.#flush(folder).finally(() => {
      if (this.#running.get(folder) === flush) this.#running.delete(folder);
    });
    this.#running.set(folder, flush);
    return flush;
  }
}
