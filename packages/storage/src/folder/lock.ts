/**
 * A lock per key between processes, for the few milliseconds in which a condition is checked and a file
 * replaced. It survives crashes: the lock of a dead process is broken by exactly one of those who wait.
 *
 * A lock is a file made by `link`, which fails if the name exists; its content names the owner by a tag that
 * never comes twice. To break the lock of a dead owner one must first create `<lock>.broken.<owner's tag>` the
 * same way. So only one process ever removes a given dead owner's lock, and no living lock can be removed by
 * somebody who looked too early. A breaker that dies in between leaves its mark with its own tag, and is
 * broken in turn.
 */
import { link, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Clock, newOwnerTag, type OwnerTag, ownerLife, RetryableError } from '@espalier/contracts';
import { systemCode } from './errors.ts';

export interface KeyLocksOptions {
  /** Folder of the lock files; must exist. */
  readonly folder: string;
  /** Folder for files in the making, on the same file system. */
  readonly temporary: string;
  readonly clock: Clock;
}

/** Longest wait for a living owner, in milliseconds: locks are held for a few. */
const WAIT_LIMIT = 30_000;
/** Age in milliseconds at which the lock of an owner that cannot be checked (another machine) counts as dead. */
const UNKNOWN_OWNER_LIMIT = 60_000;

export class KeyLocks {
  readonly #options: KeyLocksOptions;
  /** Last holder of each lock within this process: tasks of one process queue up here instead of polling. */
  readonly #tails = new Map<string, Promise<unknown>>();

  constructor(options: KeyLocksOptions) {
    this.#options = options;
  }

  /** Runs `work` while no other process or task holds `name`. @param name safe as a file name */
  async hold<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(name) ?? Promise.resolve();
    const mine = before.then(async () => {
      const path = join(this.#options.folder, name);
      const tag = await this.#acquire(path);
      try {
        return await work();
      } finally {
        // A lock of this process that another machine took for dead is not ours to remove any more.
        if ((await ownerOf(path)) === tag) await unlink(path);
      }
    });
    const tail = mine.catch(() => {});
    this.#tails.set(name, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(name) === tail) this.#tails.delete(name);
    }
  }

  async #acquire(path: string): Promise<OwnerTag> {
    const deadline = this.#options.clock.now() + WAIT_LIMIT;
    for (let turn = 0; ; turn += 1) {
      const tag = await this.#mark(path);
      if (tag !== undefined) return tag;
      const owner = await ownerOf(path);
      if (owner === undefined) continue; // released just now
      if (await this.#isDead(path, owner)) {
        await this.#breakLock(path, owner);
        continue;
      }
      if (this.#options.clock.now() > deadline) {
        throw new RetryableError(`waited ${WAIT_LIMIT / 1000} s for a lock that a living process holds: ${path}`, {
          code: 'STORE_BUSY',
          remedy: `find the process in the file's name tag (${owner}); it may be stopped`,
        });
      }
      await sleep(Math.random() * Math.min(20, 1 + turn));
    }
  }

  /** Creates `path` with a new tag of this process, complete at once. Undefined when it exists. */
  async #mark(path: string): Promise<OwnerTag | undefined> {
    const tag = newOwnerTag();
    const draft = join(this.#options.temporary, tag);
    try {
      await writeFile(draft, tag, { flag: 'wx' });
      await link(draft, path);
      return tag;
    } catch (error) {
      if (systemCode(error) === 'EEXIST') return undefined;
      throw error;
    } finally {
      await unlink(draft).catch(() => {});
    }
  }

  async #isDead(path: string, owner: OwnerTag): Promise<boolean> {
    const life = ownerLife(owner);
    if (life !== 'unknown') return life === 'dead';
    try {
      return this.#options.clock.now() - (await stat(path)).mtimeMs > UNKNOWN_OWNER_LIMIT;
    } catch {
      return false; // released meanwhile
    }
  }

  /** Removes `path` if it still holds the dead owner's tag and nobody else is at it. */
  async #breakLock(path: string, owner: OwnerTag): Promise<void> {
    const right = `${path}.broken.${owner}`;
    if ((await this.#mark(right)) === undefined) {
      const breaker = await ownerOf(right);
      if (breaker === undefined || !(await this.#isDead(right, breaker))) return;
      // The one who had the right died with it: whoever breaks its mark may try anew.
      await this.#breakLock(right, breaker);
      return;
    }
    try {
      if ((await ownerOf(path)) === owner) await unlink(path);
    } finally {
      await unlink(right).catch(() => {});
    }
  }
}

async function ownerOf(path: string): Promise<OwnerTag | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
