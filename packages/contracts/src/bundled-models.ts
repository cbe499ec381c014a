/** Models that come with the sources: for programs that are told no other. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TerminalError } from './errors.ts';

/** The preferred one first. */
const BUNDLED = ['starter', 'trellis-tiny'] as const;

/** Folders of the bundled models that are there, the preferred one first. */
export function bundledModels(): string[] {
  const models = fileURLToPath(new URL('../../../models', import.meta.url));
  return BUNDLED.map((name) => join(models, name)).filter((folder) => existsSync(join(folder, 'pipeline.json')));
}

/** @throws TerminalError MODEL_NOT_FOUND */
export function preferredBundledModel(): string {
  const [found] = bundledModels();
  if (found !== undefined) return found;
  throw new TerminalError('no model is bundled with this copy', {
    code: 'MODEL_NOT_FOUND',
    remedy: 'name a model folder in TRELLIS_MODEL_PATH, or with --model where a command has it',
  });
}

/** Bundled to show that everything works, trained on nothing. */
export function isRandomModel(folder: string): boolean {
  return folder.endsWith('trellis-tiny');
}
