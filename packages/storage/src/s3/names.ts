/** Keys and ETags as S3 writes them. */
import { TerminalError } from '@espalier/contracts';

const KEY_MAX_BYTES = 1024;

/**
 * The full key of an object.
 *
 * @throws TerminalError STORE_KEY_INVALID
 */
export function checkKey(prefix: string, key: string): string {
  const full = prefix + key;
  if (key !== '' && Buffer.byteLength(full) <= KEY_MAX_BYTES && Buffer.from(full).toString() === full) {
    return full;
  }
  throw new TerminalError(`'${key.slice(0, 80)}' cannot be a key`, {
    code: 'STORE_KEY_INVALID',
    field: 'key',
    remedy: `a key is 1 to ${KEY_MAX_BYTES} bytes of valid UTF-8, prefix included`,
  });
}

/** Listings under `encoding-type=url` write keys as forms do, with `+` for a space. */
export function decodeListedKey(key: string, encoded: boolean): string {
  return encoded ? decodeURIComponent(key.replaceAll('+', ' ')) : key;
}

/** Stores differ in where they write the quotes; inside there is one form, without. */
export function plainEtag(etag: string | undefined): string {
  return (etag ?? '').replace(/^"(.*)"$/, '$1');
}

export function quotedEtag(etag: string): string {
  return etag.startsWith('W/') ? etag : `"${etag}"`;
}
