import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Repositories that were moved: files refer to them by either name. */
const SAME_OWNER = [['JeffreyXiang', 'microsoft']] as const;

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
    for (const alias of aliasesOf(owner)) folders.push(...(await this.#repositoryFolders(alias, repository)));
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

function aliasesOf(owner: string): readonly string[] {
  const same = SAME_OWNER.find((owners) => owners.some((candidate) => candidate === owner));
  return same === undefined ? [owner] : [owner, ...same.filter((candidate) => candidate !== owner)];
}

/**
 * Folder of a repository in a Hugging Face cache: the snapshot that `refs/main` names, or the only one there is.
 *
 * @param hub `$HF_HOME/hub`.
 */
export async function cachedSnapshot(hub: string, owner: string, repository: string): Promise<string | undefined> {
  const folder = join(hub, `models--${owner}--${repository}`);
  const snapshots: string[] = await readdir(join(folder, 'snapshots')).catch(() => []);
  const main = await readFile(join(folder, 'refs', 'main'), 'utf8').then(
    (text) => text.trim(),
    () => undefined,
  );
  const revision =
    main !== undefined && snapshots.includes(main) ? main : snapshots.length === 1 ? snapshots[0] : undefined;
  return revision === undefined ? undefined : join(folder, 'snapshots', revision);
}

export async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
