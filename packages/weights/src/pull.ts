/** Fetches a model, with all its parts from wherever they lie, into the Hugging Face cache. */
import { type Clock, systemClock, TerminalError } from '@espalier/contracts';
import { pinOf } from './catalog.ts';
import { assertRoom, type FreeBytes, freeBytesOf } from './disk-space.ts';
import { hashFile } from './file-digest.ts';
import { HubCache } from './hub-cache.ts';
import { LinkedAbort } from './linked-abort.ts';
import { type Lock, lockPath, readLock, writeLock } from './lock-file.ts';
import { PATIENCE_DEFAULTS, type Patience } from './patience.ts';
import { planPull } from './plan.ts';
import { alone } from './shared-work.ts';
import { fileName, type RemoteFile, type WeightSource } from './source.ts';
import { fetchFile } from './transfer.ts';

export interface PullOptions {
  readonly source: WeightSource;
  /** `HF_HOME`. */
  readonly huggingFaceHome: string;
  /** Branch, tag or commit of the model's own repository. @defaultValue its pin, else that of the last pull, else main */
  readonly revision?: string;
  /** Forgets what the last pull was pinned to. @defaultValue false */
  readonly update?: boolean;
  /** Files that come at the same time. @defaultValue 4 */
  readonly parallel?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: PullProgress) => void;
  readonly patience?: Partial<Patience>;
  /** Milliseconds without a byte after which a connection counts as dead. @defaultValue 30,000 */
  readonly idleTimeout?: number;
  readonly freeBytes?: FreeBytes;
  readonly clock?: Clock;
}

export interface PullProgress {
  /** Bytes of all files, and of those that are there. */
  readonly total: number;
  readonly have: number;
  readonly files: number;
  readonly filesDone: number;
}

export interface Pulled {
  readonly model: string;
  /** Of the snapshot that holds `pipeline.json`. */
  readonly folder: string;
  readonly lock: Lock;
  /** Bytes that came over the network in this pull. */
  readonly fetchedBytes: number;
}

const PULL_DEFAULTS = { parallel: 4, idleTimeout: 30_000 } as const;

/**
 * @param model `Org/Repo`
 * @throws TerminalError MODEL_*, DISK_TOO_SMALL; RetryableError SOURCE_UNAVAILABLE; CancelledError
 */
export async function pullModel(model: string, options: PullOptions): Promise<Pulled> {
  const cache = new HubCache(options.huggingFaceHome);
  const before = options.update === true ? undefined : await readLock(lockPath(cache, model));
  const stop = new LinkedAbort(options.signal);
  const { signal } = stop;
  const tally = new Tally(options.onProgress);
  const known = before === undefined ? new Map<string, string>() : knownDigests(before);
  const digests = new Map<RemoteFile, string>();
  const bring = async (file: RemoteFile, counts: Tally): Promise<string> => {
    const blob = cache.blobPath(file);
    const isWhole = async () => (await cache.have(file)).whole;
    const had = (await cache.have(file)).bytes;
    const sha256 = await alone(blob, isWhole, signal, (held) =>
      fetchFile(file, blob, {
        source: options.source,
        patience: { ...PATIENCE_DEFAULTS, ...options.patience },
        idleTimeout: options.idleTimeout ?? PULL_DEFAULTS.idleTimeout,
        signal: held,
        onBytes: (bytes) => counts.add(bytes),
      }),
    );
    if (sha256 === undefined) counts.addElsewhere(file.size - had);
    const digest = sha256 ?? (await digestOf(file, blob, signal));
    assertKnown(file, digest, known.get(`${file.commit}/${fileName(file)}`), lockPath(cache, model));
    digests.set(file, digest);
    await cache.link(file);
    return cache.linkPath(file);
  };
  const requested = (repository: string): string => {
    if (repository === model && options.revision !== undefined) return options.revision;
    return pinOf(repository) ?? before?.repositories[repository] ?? 'main';
  };
  const plan = await planPull(model, {
    source: options.source,
    revisionOf: requested,
    fetchNow: (file) => bring(file, new Tally(undefined)),
    signal,
  });
  const held = await Promise.all(plan.files.map(async (file) => (await cache.have(file)).bytes));
  const total = plan.files.reduce((sum, { size }) => sum + size, 0);
  const have = held.reduce((sum, bytes) => sum + bytes, 0);
  await assertRoom(cache.folder, total - have, options.freeBytes ?? freeBytesOf);
  tally.begin(total, have, plan.files.length);
  // The largest first: one of them left for the end would come alone.
  const queue = [...plan.files].sort((a, b) => b.size - a.size);
  const lane = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      await bring(file, tally);
      tally.done();
    }
  };
  const lanes = Array.from({ length: options.parallel ?? PULL_DEFAULTS.parallel }, () =>
    lane().catch((error: unknown) => {
      stop.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(lanes);
  stop.release();
  // The first fault, or what the caller said: what ended the other lanes follows from it.
  signal.throwIfAborted();
  const [main] = plan.repositories;
  if (main === undefined) throw new Error('a plan has a repository');
  for (const { name, commit } of plan.repositories) await cache.point(name, requested(name), commit);
  const lock: Lock = {
    version: 1,
    model: main.name,
    pulled_at: new Date((options.clock ?? systemClock).now()).toISOString(),
    source: options.source.location,
    repositories: Object.fromEntries(plan.repositories.map(({ name, commit }) => [name, commit])),
    files: plan.files.map((file) => ({
      repository: file.repository,
      path: file.path,
      size: file.size,
      sha256: digests.get(file) ?? '',
      etag: file.digest.hex,
    })),
  };
  await writeLock(lockPath(cache, main.name), lock);
  return { model: main.name, folder: cache.snapshotFolder(main.name, main.commit), lock, fetchedBytes: tally.fetched };
}

/** Of a file that was there already. A name of 64 digits is its SHA-256, proved when it came. */
async function digestOf(file: RemoteFile, blob: string, signal: AbortSignal): Promise<string> {
  if (file.digest.algorithm === 'sha256') return file.digest.hex;
  return (await hashFile(blob, file.digest, { signal })).sha256;
}

function knownDigests(lock: Lock): Map<string, string> {
  return new Map(
    lock.files.map((file) => [`${lock.repositories[file.repository]}/${fileName(file)}`, file.sha256] as const),
  );
}

/** A commit's content never changes: a source that now says otherwise is not to be trusted. */
function assertKnown(file: RemoteFile, sha256: string, known: string | undefined, lock: string): void {
  if (known === undefined || known === sha256) return;
  throw new TerminalError(
    `${fileName(file)} at commit ${file.commit} had the sha256 ${known} at its first download and has ${sha256} now`,
    {
      code: 'MODEL_CHECKSUM_WRONG',
      field: file.path,
      remedy: `do not trust this source; if you do, remove ${lock} and pull again`,
    },
  );
}

class Tally {
  readonly #tell: ((progress: PullProgress) => void) | undefined;
  #total = 0;
  #have = 0;
  #files = 0;
  #filesDone = 0;
  fetched = 0;

  constructor(tell: ((progress: PullProgress) => void) | undefined) {
    this.#tell = tell;
  }

  begin(total: number, have: number, files: number): void {
    this.#total = total;
    this.#have = have;
    this.#files = files;
    this.#say();
  }

  add(bytes: number): void {
    this.fetched += Math.max(0, bytes);
    this.addElsewhere(bytes);
  }

  /** Bytes that another process brought. */
  addElsewhere(bytes: number): void {
    this.#have += bytes;
    this.#say();
  }

  done(): void {
    this.#filesDone += 1;
    this.#say();
  }

  #say(): void {
    this.#tell?.({ total: this.#total, have: this.#have, files: this.#files, filesDone: this.#filesDone });
  }
}
