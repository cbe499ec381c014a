import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Repositories that were moved: files refer to them by either name. */
const SAME_OWNER = [['JeffreyXiang', 'microsoft']] as const;

/**
 * Name of the ref under `refs/` that a pull leaves behind. Other programs move `refs/main` to what they fetched last,
 * which may lack files that a model needs.
 */
export const PULLED_REF = 'espalier';

/**
 * Where the files that a model repository refers to may lie.
 *
 * A name is looked up inside the repository first. If it starts with `Org/Repo`, that repository is looked for
 * beside this one (`../Repo`, `../../Org/Repo`), and in the Hugging Face cache.
 */
export class RepositoryPlaces {
  readonly folder: string;
  readonly #hubs: readonly string[];

  /**
   * @param folder The repository.
   * @param huggingFaceHome `HF_HOME`; its `hub` folder is searched. A repository that lies in a cache itself
   *   brings its own.
   */
  constructor(folder: string, huggingFaceHome: string | undefined) {
    this.folder = folder;
    const own = folder.match(/^(.*)[\\/]models--[^\\/]+[\\/]snapshots[\\/][^\\/]+[\\/]?$/)?.[1];
    const hubs = [own, huggingFaceHome === undefined ? undefined : join(huggingFaceHome, 'hub')];
    this.#hubs = [...new Set(hubs.filter((hub) => hub !== undefined))];
  }

  /** Paths at which `name` (a file without its ending, or a folder) may lie, the preferred one first. */
  async candidates(name: string): Promise<string[]> {
    const [owner, repository, ...rest] = name.split('/');
    const inside = [join(this.folder, name)];
    if (owner === undefined || repository === undefined) return [...inside, join(dirname(this.folder), name)];
    const folders: string[] = [];
    for (const alias of ownerAliases(owner)) folders.push(...(await this.#repositoryFolders(alias, repository)));
    return [...inside, ...new Set(folders.map((folder) => join(folder, ...rest)))];
  }

  async #repositoryFolders(owner: string, repository: string): Promise<string[]> {
    const parent = dirname(this.folder);
    const beside = [join(parent, repository), join(dirname(parent), owner, repository)];
    const cached: string[] = [];
    for (const hub of this.#hubs) {
      const snapshot = await cachedSnapshot(hub, owner, repository);
      if (snapshot !== undefined) cached.push(snapshot);
    }
    // A cache has no siblings worth looking at: its parent folder is `snapshots`.
    return basename(parent) === 'snapshots' ? cached : [...beside, ...cached];
  }
}

/** Names that an owner goes by, the given one first. */
export function ownerAliases(owner: string): readonly string[] {
  const same = SAME_OWNER.find((owners) => owners.some((candidate) => candidate === owner));
  return same === undefined ? [owner] : [owner, ...same.filter((candidate) => candidate !== owner)];
}

/**
 * Folder of a repository in a Hugging Face cache: the snapshot that `espalier models pull` chose, the one that
 * `refs/main` names, or the only one there is.
 *
 * @param hub `$HF_HOME/hub`.
 */
export async function cachedSnapshot(hub: string, owner: string, repository: string): Promise<string | undefined> {
  const folder = join(hub, `models--${owner}--${repository}`);
  const snapshots: string[] = await readdir(join(folder, 'snapshots')).catch(() => []);
  for (const ref of [PULLED_REF, 'main']) {
    const commit = await readFile(join(folder, 'refs', ref), 'utf8').then(
      (text) => text.trim(),
      () => '',
    );
    if (snapshots.includes(commit)) return join(folder, 'snapshots', commit);
  }
  const revision = snapshots.length === 1 ? snapshots[0] : undefined;
  return revision === undefined ? undefined : join(folder, 'snapshots', revision);
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
