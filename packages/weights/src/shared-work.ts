/** Lets one of several processes fetch a file while the others wait for it: they may share a volume. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import lockfile from 'proper-lockfile';
import { LinkedAbort } from './linked-abort.ts';
import { PATIENCE_DEFAULTS } from './patience.ts';

/** A lock that its holder has not renewed for this long is nobody's. Milliseconds. */
const STALE = 20_000;
const LOOK_AGAIN = 500;

/**
 * Runs `work` as the only one who works on `path`.
 *
 * @param done whether somebody else has done it in the meantime
 * @param work its signal aborts when the lock is lost, e.g. after the machine slept
 * @returns undefined when it was done by somebody else
 */
export async function alone<T>(
  path: string,
  done: () => Promise<boolean>,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    signal.throwIfAborted();
    if (await done()) return undefined;
    const held = new LinkedAbort(signal);
    const release = await lockfile
      .lock(path, { realpath: false, stale: STALE, onCompromised: (error) => held.abort(error) })
      .catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ELOCKED') return undefined;
        throw error;
      });
    if (release === undefined) {
      held.release();
      await PATIENCE_DEFAULTS.sleep(LOOK_AGAIN, signal);
      continue;
    }
    try {
      if (await done()) return undefined;
      return await work(held.signal);
    } finally {
      held.release();
      await release().catch(() => {}); // lost already
    }
  }
}
