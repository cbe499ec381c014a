/** Whether a disk has room for what is about to come. */
import { mkdir, statfs } from 'node:fs/promises';
import { TerminalError } from '@espalier/contracts';

/** Left free for everybody else. Bytes. */
const SPARE = 256 * 2 ** 20;

export type FreeBytes = (folder: string) => Promise<number>;

export const freeBytesOf: FreeBytes = async (folder) => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

/**
 * @param bytes that are still to come
 * @throws TerminalError DISK_TOO_SMALL
 */
export async function assertRoom(folder: string, bytes: number, freeBytes: FreeBytes): Promise<void> {
  if (bytes === 0) return;
  await mkdir(folder, { recursive: true });
  const free = await freeBytes(folder);
  if (free >= bytes + SPARE) return;
  throw new TerminalError(
    `${folder} has ${gigabytes(free)} free, the download needs ${gigabytes(bytes + SPARE)} (256 MiB to spare)`,
    { code: 'DISK_TOO_SMALL', field: 'HF_HOME', remedy: 'free some space, or name a larger disk in HF_HOME' },
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}
