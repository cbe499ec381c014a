/** Which files make up a model: found by its `pipeline.json`, across the repositories that it refers to. */
import { TerminalError } from '@espalier/contracts';
import { DEFAULT_TEXT_ENCODER, ownerAliases, readPipelineConfig, TEXT_ENCODER_FILES } from '@espalier/trellis';
import type { RemoteFile, Repository, WeightSource } from './source.ts';

export interface PlanOptions {
  readonly source: WeightSource;
  /** Branch, tag or commit to take of a repository. */
  readonly revisionOf: (repository: string) => string;
  /** Brings a file into the cache. @returns the path at which it can be read */
  readonly fetchNow: (file: RemoteFile) => Promise<string>;
  readonly signal: AbortSignal;
}

export interface PullPlan {
  readonly repositories: readonly Repository[];
  readonly files: readonly RemoteFile[];
}

/**
 * @param model `Org/Repo`
 * @throws TerminalError MODEL_NOT_FOUND, MODEL_FILE_MISSING, MODEL_FILE_INVALID, MODEL_UNSUPPORTED, and those of the source
 */
export async function planPull(model: string, options: PlanOptions): Promise<PullPlan> {
  const repositories = new Map<string, Repository | undefined>();
  const find = async (name: string): Promise<Repository | undefined> => {
    const [owner = '', rest = ''] = name.split('/');
    for (const alias of ownerAliases(owner)) {
      const known = `${alias}/${rest}`;
      if (!repositories.has(known)) {
        repositories.set(known, await options.source.repository(known, options.revisionOf(known), options.signal));
      }
      const found = repositories.get(known);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  const main = await find(model);
  const pipeline = main?.files.get('pipeline.json');
  if (main === undefined || pipeline === undefined) throw notThere(model, main, options.source.location);
  const config = await readPipelineConfig(await options.fetchNow(pipeline));
  const files = new Set([pipeline]);
  const take = async (name: string, endings: readonly string[]): Promise<void> => {
    for (const [repository, path] of await places(main, name, find)) {
      // A text encoder may be a repository of its own: then its path is empty.
      const found = endings.map((ending) => repository.files.get(`${path}${ending}`.replace(/^\//, '')));
      if (!found.every((file) => file !== undefined)) continue;
      for (const file of found) files.add(file);
      return;
    }
    throw new TerminalError(`'${name}' of ${model}/pipeline.json is not to be had from ${options.source.location}`, {
      code: 'MODEL_FILE_MISSING',
      field: name,
      remedy: 'check the repository that it names, and --revision',
    });
  };
  for (const name of Object.values(config.models)) if (name !== undefined) await take(name, ['.json', '.safetensors']);
  await take(
    config.text_cond_model ?? DEFAULT_TEXT_ENCODER,
    TEXT_ENCODER_FILES.map((file) => `/${file}`),
  );
  for (const file of [...files]) {
    // The list of known words, where a text encoder of a closed vocabulary has one.
    const words = file.path.endsWith('/tokenizer.json') && file.path.replace(/tokenizer\.json$/, 'vocabulary.txt');
    const found = words && repositories.get(file.repository)?.files.get(words);
    if (found) files.add(found);
  }
  const used = new Set([...files].map(({ repository }) => repository));
  const found = [...repositories.values()].filter((repository) => repository !== undefined);
  return { repositories: found.filter(({ name }) => used.has(name)), files: [...files] };
}

/** The loader's order: inside the repository first, then `Org/Repo/path` elsewhere. */
async function places(
  main: Repository,
  name: string,
  find: (name: string) => Promise<Repository | undefined>,
): Promise<[Repository, string][]> {
  const inside: [Repository, string] = [main, name];
  if ([...main.files.keys()].some((path) => path.startsWith(`${name}.`) || path.startsWith(`${name}/`)))
    return [inside];
  const [owner, repository, ...rest] = name.split('/');
  const other = owner && repository ? await find(`${owner}/${repository}`) : undefined;
  return other === undefined ? [inside] : [inside, [other, rest.join('/')]];
}

function notThere(model: string, found: Repository | undefined, location: string): TerminalError {
  const what = found === undefined ? 'it has no such repository, or hides it' : 'it has no pipeline.json';
  return new TerminalError(`no model ${model} at ${location}: ${what}`, {
    code: 'MODEL_NOT_FOUND',
    field: model,
    remedy: 'check the name (`espalier models list` tells the published ones); a private one needs HF_TOKEN',
  });
}
