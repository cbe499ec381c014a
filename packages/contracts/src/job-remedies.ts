/**
 * What a refused job is told beside the message: the value that was found, and what to write instead. The messages
 * of the four parameters are matched on by callers and so cannot hold the value themselves.
 */
import {
  BAKE_SOURCES,
  DEADLINE_SECONDS_MAX,
  isObject,
  TARGET_FACES_MAX,
  TARGET_FACES_MIN,
  WEBHOOK_FORMATS,
} from './job.ts';
import {
  PROMPT_MAX_CHARACTERS,
  SEED_MAX,
  SIMPLIFY_DEFAULT,
  TEXTURE_SIZE_DEFAULT,
  TEXTURE_SIZE_MAX,
  TEXTURE_SIZE_MIN,
} from './job-input.ts';
import { OUTPUTS } from './outputs.ts';
import { shownAddress, shownValue, valueAt } from './shown-value.ts';

const SAMPLER = 'give an object such as {"structure": {"steps": 25}, "latent": {"cfg_strength": 7.5}}';

/** By the last name in a fault's path. */
const REMEDIES: Readonly<Record<string, string>> = {
  prompt: `write what to make in 1 to ${PROMPT_MAX_CHARACTERS} characters, e.g. "A wooden treasure chest"`,
  seed: `give a whole number from 0 to ${SEED_MAX}, or leave it out for a random one`,
  simplify: `give the share of faces to remove as a number from 0.0 to 1.0, e.g. ${SIMPLIFY_DEFAULT}`,
  texture_size: `give pixels along an edge, a whole number from ${TEXTURE_SIZE_MIN} to ${TEXTURE_SIZE_MAX}, e.g. ${TEXTURE_SIZE_DEFAULT}`,
  input: 'write {"input": {"prompt": "A wooden treasure chest"}}',
  id: 'give a name such as chest-7, or leave it out',
  webhook: 'give an address such as https://example.com/hook',
  webhook_format: `give one of: ${WEBHOOK_FORMATS.join(', ')}`,
  outputs: `give a list of some of: ${OUTPUTS.join(', ')}`,
  sampler: SAMPLER,
  structure: SAMPLER,
  latent: SAMPLER,
  steps: 'give a whole number from 1 to 1000',
  cfg_strength: 'give a number from 0 to 100',
  cfg_interval: 'give two numbers [from, to] with 0 <= from <= to <= 1, e.g. [0.5, 0.95]',
  rescale_t: 'give a number from 0.01 to 100',
  target_faces: `give a whole number from ${TARGET_FACES_MIN} to ${TARGET_FACES_MAX}`,
  bake_from: `give one of: ${BAKE_SOURCES.join(', ')}`,
  deadline_seconds: `give seconds as a number from 1 to ${DEADLINE_SECONDS_MAX}`,
  tags: 'give an object of texts, e.g. {"order": "7"}',
};

/** @param path of the fault in `body`, as zod gives it */
export function jobRemedy(body: unknown, path: readonly PropertyKey[]): string | undefined {
  const name = path.includes('tags') ? 'tags' : path.findLast((part) => typeof part === 'string');
  // The message of one output that there is none of names all that there are.
  const remedy = path[0] === 'outputs' && path.length > 1 ? 'leave it out, or name another' : REMEDIES[String(name)];
  const value = valueAt(body, path);
  if (value === undefined || remedy === undefined) return remedy;
  return `it is ${described(name, value)}: ${remedy}`;
}

function described(name: PropertyKey | undefined, value: unknown): string {
  if (name === 'webhook') return shownAddress(value);
  if (name === 'prompt' && typeof value === 'string') return `${shownValue(value)}, ${[...value].length} characters`;
  if (name === 'tags' && isObject(value)) return countOf(Object.keys(value).length);
  return shownValue(value);
}

function countOf(entries: number): string {
  return `an object of ${entries} ${entries === 1 ? 'entry' : 'entries'}`;
}
