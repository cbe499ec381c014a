/** Free labels on a job, carried through to its status and stats. */
import { z } from 'zod';

const [COUNT_MAX, NAME_MAX, TEXT_MAX] = [50, 128, 256];
const RULE = `'tags' must be an object of at most ${COUNT_MAX} texts, names up to ${NAME_MAX} and values up to ${TEXT_MAX} characters`;

export const TagsSchema = z
  .custom<Record<string, unknown>>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.keys(value).length <= COUNT_MAX &&
      Object.keys(value).every((name) => name !== '__proto__' && name.length <= NAME_MAX),
    { error: RULE },
  )
  .transform((tags, context): Record<string, string> => {
    for (const [name, text] of Object.entries(tags)) {
      if (typeof text === 'string' && text.length <= TEXT_MAX) continue;
      context.issues.push({ code: 'custom', message: RULE, input: text, path: [name] });
      return z.NEVER;
    }
    return { ...tags } as Record<string, string>;
  });
