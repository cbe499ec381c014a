#!/usr/bin/env node
/**
 * Installs the locked dependencies when they are missing or stale, and does nothing otherwise.
 * Runs before anything is installed, so it may use Node's own modules only.
 *
 *   node install-once.mjs [--omit=dev]
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const mark = join(root, 'node_modules', '.espalier-installed');
const production = process.argv.includes('--omit=dev');
const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');

const installed = existsSync(mark) ? readFileSync(mark, 'utf8').trim() : '';
const enough = installed === `${lock} full` || (production && installed === `${lock} production`);
if (!enough) {
  process.stderr.write(`Installing ${production ? 'what the demo needs' : 'all dependencies'} (once)...\n`);
  // The demo must not pay for compilers, test runners or the AWS toolkit: they are development dependencies.
  const flags = ['ci', '--no-audit', '--no-fund', '--loglevel=error', ...(production ? ['--omit=dev'] : [])];
  // npm's own path comes in the environment when this runs as an npm script: the same npm serves both.
  const npm = process.env.npm_execpath;
  const options = { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] };
  if (npm?.endsWith('.js')) execFileSync(process.execPath, [npm, ...flags], options);
  else
    execFileSync(process.platform === 'win32' ? 'npm.cmd' : 'npm', flags, {
      ...options,
      shell: process.platform === 'win32',
    });
  writeFileSync(mark, `${lock} ${production ? 'production' : 'full'}\n`);
}
