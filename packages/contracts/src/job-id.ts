/** Job ids: they become part of keys and file names, so their alphabet is small. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

const RULE = "'id' must be 1 to 128 characters of A-Z a-z 0-9 . _ - that start with a letter or digit and hold no '..'";
const PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function isJobId(text: string): boolean {
  return PATTERN.test(text) && !text.includes('..');
}

export const JobIdSchema = z.string({ error: RULE }).refine(isJobId, { error: RULE });

/**
 * The id of a job object: the file name's own stem where it is a valid id, else a readable one that is the same
 * for the same key, so that a rejected file finds its reason.
 *
 * @param name path below `jobs/`, e.g. `chest.json`
 */
export function jobIdFromName(name: string): string {
  const stem = name.replace(/\.json$/i, '');
  if (isJobId(stem)) return stem;
  const readable = stem
    .slice(stem.lastIndexOf('/') + 1)
    .replace(/[^A-Za-z0-9_-]+/g, '-')
    .replace(/^[-_]+|-+$/g, '');
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12);
  return `${(readable === '' ? 'job' : readable).slice(0, 100)}-${digest}`;
}

/** A readable id for a prompt, unique to `parts`: the same job gets the same id. */
export function jobIdFromContent(prompt: string, parts: unknown): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([prompt, parts]))
    .digest('hex')
    .slice(0, 10);
  const slug = prompt
    .normalize('NFKD')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .toLowerCase()
    .slice(0, 48)
    .replace(/-+$/, '');
  return slug === '' ? `job-${digest}` : `${slug}-${digest}`;
}
