/**
 * The cache folder of Hugging Face's own programs, `$HF_HOME/hub`: files by digest under `blobs/`, and links to them by
 * commit and path under `snapshots/`. What one program has fetched the others find.
 */
import { copyFile, mkdir, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { PULLED_REF } from '@espalier/trellis';
import type { RemoteFile } from './source.ts';

export class HubCache {
  /** `$HF_HOME/hub`. */
  readonly folder: string;

  constructor(huggingFaceHome: string) {
    this.folder = join(huggingFaceHome, 'hub');
  }

  repositoryFolder(repository: string): string {
    return join(this.folder, `models--${repository.replace('/', '--')}`);
  }

  snapshotFolder(repository: string, commit: string): string {
    return join(this.repositoryFolder(repository), 'snapshots', commit);
  }

  /** Where the content lies once it is whole. */
  blobPath({ repository, digest }: RemoteFile): string {
    return join(this.repositoryFolder(repository), 'blobs', digest.hex);
  }

  /** Where programs look for the file. */
  linkPath({ repository, commit, path }: RemoteFile): string {
    return join(this.snapshotFolder(repository, commit), path);
  }

  /** Bytes that are there of a file: its size when it is whole, less when a download broke off. */
  async have(file: RemoteFile): Promise<{ readonly whole: boolean; readonly bytes: number }> {
    const blob = this.blobPath(file);
    if ((await sizeOf(blob)) === file.size) return { whole: true, bytes: file.size };
    return { whole: false, bytes: Math.min(file.size, (await sizeOf(partialPath(blob))) ?? 0) };
  }

  /** Makes the link to the content; a copy where the system has no links. */
  async link(file: RemoteFile): Promise<void> {
    const blob = this.blobPath(file);
    const link = this.linkPath(file);
    await mkdir(dirname(link), { recursive: true });
    const aside = `${link}.${process.pid}`;
    await rm(aside, { force: true });
    try {
      await symlink(relative(dirname(link), blob), aside);
    } catch {
      await copyFile(blob, aside);
    }
    await rename(aside, link);
  }

  /** Marks the snapshot that was pulled, under our own name and under the one it was asked for by. */
  async point(repository: string, revision: string, commit: string): Promise<void> {
    const refs = join(this.repositoryFolder(repository), 'refs');
    for (const ref of new Set([PULLED_REF, ...(/^[\w.-]+$/.test(revision) && revision !== commit ? [revision] : [])])) {
      await mkdir(refs, { recursive: true });
      const aside = join(refs, `.${ref}.${process.pid}`);
      await writeFile(aside, commit);
      await rename(aside, join(refs, ref));
    }
  }
}

/** The name that Hugging Face's programs give an unfinished download. */
export function partialPath(blob: string): string {
  return `${blob}.incomplete`;
}

export async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}
