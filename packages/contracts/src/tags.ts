/** Free labels on a job, carried through to its status and stats. */
import { z } from 'zod';

const RULE = "'tags' must be an object of at most 50 texts, names up to 128 and values up to 256 characters";

export const TagsSchema = z
  .custom<Record<string, string>>(
    (value) =>
      typeof value === 'object' &&
      value !== null &&
      !Array.isArray(value) &&
      Object.keys(value).length <= 50 &&
      Object.entries(value).every(
        ([name, text]) => name !== '__proto__' && name.length <= 128 && typeof text === 'string' && text.length <= 256,
      ),
    { error: RULE },
  )
  .transform((tags) => ({ ...tags }));
