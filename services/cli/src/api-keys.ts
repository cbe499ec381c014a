/** API keys of `espalier serve`: those that may call, and new ones. */
import { readFileSync } from 'node:fs';
import { invalidSetting, TerminalError } from '@espalier/contracts';
import { type ApiKey, createApiKey, parseApiKeys } from '@espalier/gateway';
import { fromCwd } from './context.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';

/** Those of `ESPALIER_API_KEYS` and of the file `ESPALIER_API_KEYS_FILE` names. @throws TerminalError API_KEYS_INVALID, API_KEYS_UNREADABLE */
export function apiKeys(io: CliIo): ApiKey[] {
  const { ESPALIER_API_KEYS: inline = '', ESPALIER_API_KEYS_FILE: file = '' } = io.env;
  const keys = parseApiKeys(inline, 'ESPALIER_API_KEYS');
  if (file === '') return keys;
  try {
    return [...keys, ...parseApiKeys(readFileSync(fromCwd(io, file), 'utf8'), 'ESPALIER_API_KEYS_FILE')];
  } catch (cause) {
    if (cause instanceof TerminalError) throw cause;
    throw new TerminalError(`ESPALIER_API_KEYS_FILE: ${file} cannot be read`, {
      code: 'API_KEYS_UNREADABLE',
      field: 'ESPALIER_API_KEYS_FILE',
      remedy: 'name a file of lines name:sha256 that this user may read',
      cause,
    });
  }
}

/** Prints a new key for people, and the line that stands for it for the settings. */
export function newApiKey(io: CliIo, name: string): ExitCode {
  if (!/^[A-Za-z0-9._-]{1,64}$/.test(name)) {
    throw invalidSetting('--new-key', name, 'give 1 to 64 characters of A-Z a-z 0-9 . _ -');
  }
  const { key, line } = createApiKey(name);
  io.out(`${line}\n`);
  io.err(
    `The key, shown this once:\n\n  ${key}\n\nThe line on standard output belongs into ESPALIER_API_KEYS or the file ESPALIER_API_KEYS_FILE names.\n`,
  );
  return EXIT.ok;
}
