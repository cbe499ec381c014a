/**
 * API keys. The server holds SHA-256 digests only. That is enough because keys are 256 random bits made here:
 * nothing can be guessed, so nothing needs slowing down. Short keys that a person made up are refused.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { TerminalError } from '@espalier/contracts';

export interface ApiKey {
  /** For logs and rate limits; not secret. */
  readonly name: string;
  /** SHA-256 of the key's text, 32 bytes. */
  readonly digest: Uint8Array;
}

const PREFIX = 'esp_';

/** A new key and the line that stands for it in a key file. The key itself is shown once and kept nowhere. */
export function createApiKey(name: string): { readonly key: string; readonly line: string } {
  const key = PREFIX + randomBytes(32).toString('base64url');
  return { key, line: `${name}:${digestOf(key).toString('hex')}` };
}

/**
 * Reads key lines `name:sha256-in-hex`, one per line or separated by commas; `#` starts a comment.
 *
 * @param source variable or file they came from, for the error
 * @throws TerminalError API_KEYS_INVALID; never with the offending text, which may be a key in the clear
 */
export function parseApiKeys(text: string, source: string): ApiKey[] {
  const lines = text.split(/[\n,]/).map((line) => line.replace(/#.*$/, '').trim());
  return lines.flatMap((line, index): ApiKey[] => {
    if (line === '') return [];
    const [name, hex] = [line.slice(0, line.lastIndexOf(':')), line.slice(line.lastIndexOf(':') + 1)];
    if (name === '' || !/^[0-9a-f]{64}$/i.test(hex)) {
      throw new TerminalError(`${source}: entry ${index + 1} is not name:sha256`, {
        code: 'API_KEYS_INVALID',
        field: source,
        remedy: 'make one with `espalier serve --new-key NAME`; keys themselves are never stored',
      });
    }
    return [{ name, digest: Buffer.from(hex, 'hex') }];
  });
}

/**
 * Finds the key that a request shows. Every known key is compared, each in constant time, so that the answer's
 * time tells neither how much of a key was right nor which one it was.
 *
 * @param authorization the header's value, `Bearer <key>`; RunPod's clients also send the key alone
 */
export function findApiKey(keys: readonly ApiKey[], authorization: string | undefined): ApiKey | undefined {
  const shown = authorization?.replace(/^Bearer\s+/i, '').trim();
  if (shown === undefined || shown === '') return undefined;
  const digest = digestOf(shown);
  let found: ApiKey | undefined;
  for (const key of keys) {
    if (timingSafeEqual(key.digest, digest)) found = key;
  }
  return found;
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key, 'utf8').digest();
}
