/** The published models, by the short names that a user may give in place of a folder. */

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
