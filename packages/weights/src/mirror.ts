/**
 * A mirror of one's own: `<Org>/<Repo>/<commit>/<path>` in any store, and beside each model's commits the lock that
 * lists its files. What a fleet fetches from it is what was put there, whatever becomes of the hub.
 */
import { TerminalError } from '@espalier/contracts';
import type { FileStore, ObjectStore } from '@espalier/storage';
import { HubCache } from './hub-cache.ts';
import { LOCK_NAME, type Lock, lockPath, parseLock, readLock } from './lock-file.ts';
import type { OpenedFile, RemoteFile, Repository, WeightSource } from './source.ts';

export type MirrorStore = ObjectStore & FileStore;

const lockKey = (model: string): string => `${model}/${LOCK_NAME}`;
const fileKey = (repository: string, commit: string, path: string): string => `${repository}/${commit}/${path}`;

/** Reads one model, and what belongs to it, from a mirror. */
export class MirrorSource implements WeightSource {
  readonly location: string;
  readonly #store: MirrorStore;
  readonly #model: string;
  #lock: Promise<Lock | undefined> | undefined;

  /** @param model `Org/Repo`: whose lock says what there is */
  constructor(store: MirrorStore, model: string) {
    this.#store = store;
    this.#model = model;
    this.location = store.location;
  }

  async repository(name: string, revision: string): Promise<Repository | undefined> {
    this.#lock ??= readMirrorLock(this.#store, this.#model);
    const lock = await this.#lock;
    const commit = lock?.repositories[name];
    if (lock === undefined || commit === undefined) return undefined;
    if (/^[0-9a-f]{40}$/.test(revision) && revision !== commit) {
      throw new TerminalError(`${this.location} holds ${name} at ${commit}, not at ${revision}`, {
        code: 'MODEL_REVISION_NOT_FOUND',
        field: '--revision',
        remedy: 'push that revision to the mirror, or pull with --update to take the one it holds',
      });
    }
    const files = lock.files
      .filter(({ repository }) => repository === name)
      .map(({ path, size, sha256 }): [string, RemoteFile] => [
        path,
        { repository: name, commit, path, size, digest: { algorithm: 'sha256', hex: sha256 } },
      ]);
    return { name, commit, files: new Map(files) };
  }

  async open(file: RemoteFile, offset: number, signal: AbortSignal): Promise<OpenedFile> {
    const key = fileKey(file.repository, file.commit, file.path);
    const stream = await this.#store.readFrom(key, offset, { signal });
    if (stream === undefined) {
      throw new TerminalError(`${this.location} lists ${key}, but does not hold it`, {
        code: 'MODEL_FILE_MISSING',
        field: key,
        remedy: 'push the model to the mirror again',
      });
    }
    return { offset, size: stream.size, body: stream.body };
  }
}

export async function readMirrorLock(store: ObjectStore, model: string): Promise<Lock | undefined> {
  const found = await store.get(lockKey(model));
  if (found === undefined) return undefined;
  return parseLock(new TextDecoder().decode(found.body), `${store.location}/${lockKey(model)}`);
}

export interface PushOptions {
  readonly huggingFaceHome: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly total: number; readonly have: number }) => void;
}

/**
 * Puts a pulled model into a mirror; what it holds already is left. The lock goes last: readers never see half a model.
 *
 * @param model `Org/Repo`
 * @throws TerminalError MODEL_NOT_PULLED
 */
export async function pushModel(
  model: string,
  store: MirrorStore,
  options: PushOptions,
): Promise<{ readonly lock: Lock; readonly sentBytes: number }> {
  const cache = new HubCache(options.huggingFaceHome);
  const path = lockPath(cache, model);
  const lock = await readLock(path);
  if (lock === undefined) {
    throw new TerminalError(`${model} was not pulled here: there is no ${path}`, {
      code: 'MODEL_NOT_PULLED',
      field: model,
      remedy: `run \`espalier models pull ${model}\` first`,
    });
  }
  const total = lock.files.reduce((sum, { size }) => sum + size, 0);
  let have = 0;
  let sentBytes = 0;
  for (const { repository, path: name, size } of lock.files) {
    options.signal?.throwIfAborted();
    const commit = lock.repositories[repository] ?? '';
    const key = fileKey(repository, commit, name);
    const before = have;
    const tell = (bytes: number) => options.onProgress?.({ total, have: before + bytes });
    if ((await store.head(key))?.size !== size) {
      await store.putFile(key, `${cache.snapshotFolder(repository, commit)}/${name}`, {
        onProgress: tell,
        ...(options.signal !== undefined && { signal: options.signal }),
      });
      sentBytes += size;
    }
    have += size;
    tell(size);
  }
  await store.put(lockKey(model), new TextEncoder().encode(`${JSON.stringify(lock, null, 2)}\n`));
  return { lock, sentBytes };
}
