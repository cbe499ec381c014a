/**
 * Keys to file names and back. On POSIX nearly every key is its own path, so that a file dropped by hand keeps
 * its name; only what a file system cannot hold, or would read as something else, is escaped. Both directions
 * are exact inverses of each other.
 *
 * Limits that no escape lifts: a key that is another's folder (`a` beside `a/b`), segments over 255 bytes, and
 * file systems that fold case or Unicode forms, on which keys differing only so are one.
 */
import { TerminalError } from '@espalier/contracts';

/** Own files of the adapter live under this name; keys cannot reach it. */
export const PRIVATE_FOLDER = '.espalier';

const KEY_MAX_BYTES = 1024;
const NAME_MAX_BYTES = 255;

/** Segments that mean something else to a file system, behind any number of escapes. */
const SPECIAL = /^%*(?:|\.|\.\.|\.espalier.*)$/s;

interface Alphabet {
  /** Characters that cannot stand in a name. */
  readonly unsafe: RegExp;
  /** A percent sign that would be read as an escape. */
  readonly ambiguous: RegExp;
  readonly escape: RegExp;
}

function alphabet(characters: string): Alphabet {
  const codes = [...characters].map((character) => hex(character)).join('|');
  const inside = [...characters].map((character) => `\\x${hex(character)}`).join('');
  return {
    unsafe: new RegExp(`[${inside}]`, 'g'),
    ambiguous: new RegExp(`%(?=(?:25)*(?:${codes}))`, 'g'),
    escape: new RegExp(`%(?:(${codes})|25(?=(?:25)*(?:${codes})))`, 'g'),
  };
}

const POSIX = alphabet('\0');
const WINDOWS = alphabet(
  `\\:*?"<>|${Array.from({ length: 32 }, (_unused, code) => String.fromCharCode(code)).join('')}`,
);

export type NameRules = 'posix' | 'windows';
const HOST_RULES: NameRules = process.platform === 'win32' ? 'windows' : 'posix';

/** @throws TerminalError STORE_KEY_INVALID */
export function keyToNames(key: string, rules: NameRules = HOST_RULES): string[] {
  if (key === '' || Buffer.byteLength(key) > KEY_MAX_BYTES || Buffer.from(key).toString() !== key) {
    throw invalidKey(key, `a key is 1 to ${KEY_MAX_BYTES} bytes of valid UTF-8`);
  }
  return key.split('/').map((segment) => {
    const name = segmentToName(segment, rules);
    if (Buffer.byteLength(name) > NAME_MAX_BYTES) {
      throw invalidKey(key, `a folder store holds names of at most ${NAME_MAX_BYTES} bytes between slashes`);
    }
    return name;
  });
}

export function segmentToName(segment: string, rules: NameRules = HOST_RULES): string {
  const { unsafe, ambiguous } = rules === 'windows' ? WINDOWS : POSIX;
  const name = segment.replace(ambiguous, '%25').replace(unsafe, (character) => `%${hex(character)}`);
  return SPECIAL.test(name) ? `%${name}` : name;
}

export function nameToSegment(name: string, rules: NameRules = HOST_RULES): string {
  const plain = name.startsWith('%') && SPECIAL.test(name) ? name.slice(1) : name;
  const { escape: escaped } = rules === 'windows' ? WINDOWS : POSIX;
  return plain.replace(escaped, (_found, code: string | undefined) =>
    code === undefined ? '%' : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function hex(character: string): string {
  return character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0');
}

function invalidKey(key: string, remedy: string): TerminalError {
  return new TerminalError(`'${key.slice(0, 80)}' cannot be a key: ${remedy}`, {
    code: 'STORE_KEY_INVALID',
    field: 'key',
    remedy,
  });
}
