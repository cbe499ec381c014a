/** Content digests as they stand in keys and records. */
import { createHash } from 'node:crypto';
import { z } from 'zod';

export const Sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, { error: 'must be a SHA-256 in lower-case hex' });

/** SHA-256 of bytes or of a text's UTF-8, in lower-case hex. */
export function sha256(content: Uint8Array | string): string {
  return createHash('sha256').update(content).digest('hex');
}

/**
 * The same text for the same value, whatever order its keys were set in: what digests are taken over.
 * Holds what JSON holds; a key whose value is undefined is left out.
 *
 * @throws TypeError for NaN and infinities, which JSON would turn into null
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'number' && !Number.isFinite(item)) throw new TypeError(`${item} has no canonical JSON`);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    return Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
