/**
 * The published models by short names, and the commits that are fetched unless another one is asked for.
 *
 * A repository without a pin is pinned by its first download: see `lock-file.ts`.
 */
import { ownerAliases } from '@espalier/trellis';

export interface PublishedModel {
  /** What a user types. */
  readonly name: string;
  /** `Org/Repo` on the Hugging Face hub, and the model's name afterwards. */
  readonly repository: string;
  /** Download of all its parts, roughly. Bytes. */
  readonly bytes: number;
  readonly about: string;
}

export const PUBLISHED_MODELS: readonly PublishedModel[] = [
  model('trellis-text-xlarge', 'microsoft/TRELLIS-text-xlarge', 6.3e9, '2.0 B parameters: the best of the three'),
  model('trellis-text-large', 'microsoft/TRELLIS-text-large', 4.5e9, '1.1 B parameters'),
  model('trellis-text-base', 'microsoft/TRELLIS-text-base', 2.9e9, '342 M parameters: the fastest of the three'),
];

/** The commits that public listings of these repositories' caches agree on. */
const PINS: Readonly<Record<string, string>> = {
  'microsoft/TRELLIS-image-large': '25e0d31ffbebe4b5a97464dd851910efc3002d96',
  'openai/clip-vit-large-patch14': '32bd64288804d66eefd0ccbe215aa642df71cc41',
};

/** The commit that a repository is pinned to, under any name of its owner. */
export function pinOf(repository: string): string | undefined {
  const [owner = '', name = ''] = repository.split('/');
  for (const alias of ownerAliases(owner)) {
    const pin = PINS[`${alias}/${name}`];
    if (pin !== undefined) return pin;
  }
  return undefined;
}

/** `Org/Repo` for a short name or for `Org/Repo` itself; undefined for anything else. */
export function repositoryOf(name: string): string | undefined {
  const known = PUBLISHED_MODELS.find((model) => model.name === name.toLowerCase());
  if (known !== undefined) return known.repository;
  return isRepositoryName(name) ? name : undefined;
}

/** Two names of letters, digits, `-`, `_` and `.`, as the hub allows; never a path. */
export function isRepositoryName(name: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,95}\/[A-Za-z0-9][\w.-]{0,95}$/.test(name) && !name.includes('..');
}

function model(name: string, repository: string, bytes: number, about: string): PublishedModel {
  return { name, repository, bytes, about };
}
