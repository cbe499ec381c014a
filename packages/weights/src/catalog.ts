/**
 * The commits that are fetched unless another one is asked for. A repository without a pin is pinned by its first
 * download: see `lock-file.ts`.
 */
import { ownerAliases } from '@espalier/trellis';

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
