/**
 * Checks the licence of every package that a production install brings: permissive, or listed below with a reason.
 * Reads what is installed, by the lock file; a package that names no licence fails.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const PERMISSIVE: ReadonlySet<string> = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause']);

/** As permissive as those above, or more so. */
const ALSO_FINE: Readonly<Record<string, string>> = {
  '0BSD': 'BSD without its one condition',
  'CC0-1.0': 'given up to the public domain',
  'BlueOak-1.0.0': "OSI-approved, permissive; asks for the licence's text or a link, like MIT",
  'MIT-0': 'MIT without its one condition',
  Unlicense: 'given up to the public domain',
};

interface Exception {
  readonly name: RegExp;
  readonly licences: readonly string[];
  readonly reason: string;
}

/** Packages that may be here all the same, with these licences only. */
const EXCEPTIONS: readonly Exception[] = [
  {
    name: /^@img\/sharp-(libvips-[\w-]+|wasm32|win32-[\w]+)$/,
    licences: ['LGPL-3.0-or-later', 'Apache-2.0 AND LGPL-3.0-or-later', 'Apache-2.0 AND LGPL-3.0-or-later AND MIT'],
    reason:
      'libvips, which sharp (Apache-2.0) loads as a shared library of its own: it can be replaced, and its terms do not reach further',
  },
];

const LockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dev: z.boolean().optional(),
      devOptional: z.boolean().optional(),
      optional: z.boolean().optional(),
      link: z.boolean().optional(),
      license: z.unknown().optional(),
    }),
  ),
});

export interface Installed {
  readonly name: string;
  readonly version: string;
  /** SPDX expression; empty where none is named. */
  readonly licence: string;
}

/** @param read the content of a package's own package.json, where it is installed */
export function productionPackages(lock: unknown, read: (folder: string) => string | undefined): Installed[] {
  return Object.entries(LockSchema.parse(lock).packages).flatMap(([folder, entry]) => {
    const place = folder.lastIndexOf('node_modules/');
    if (place === -1 || entry.link === true || entry.dev === true) return [];
    const manifest = read(folder);
    const own = manifest === undefined ? undefined : licenceOf((JSON.parse(manifest) as { license?: unknown }).license);
    return [
      {
        name: folder.slice(place + 'node_modules/'.length),
        version: entry.version ?? '',
        // Other platforms' builds are not installed here: the lock file repeats what they say.
        licence: own ?? licenceOf(entry.license) ?? '',
      },
    ];
  });
}

function licenceOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  const { type } = z.object({ type: z.string() }).safeParse(value).data ?? {};
  return type;
}

/** Whether an SPDX expression leaves a permissive choice: one side of an OR, both of an AND. */
export function isPermissive(expression: string): boolean {
  const plain = expression.trim().replace(/^\((.*)\)$/s, '$1');
  if (/ OR /.test(plain)) return plain.split(' OR ').some(isPermissive);
  if (/ AND /.test(plain)) return plain.split(' AND ').every(isPermissive);
  return PERMISSIVE.has(plain) || plain in ALSO_FINE;
}

export function refused(packages: readonly Installed[]): Installed[] {
  return packages.filter((found) => !isPermissive(found.licence) && exceptionFor(found) === undefined);
}

function exceptionFor({ name, licence }: Installed): Exception | undefined {
  return EXCEPTIONS.find((exception) => exception.name.test(name) && exception.licences.includes(licence));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const lock: unknown = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8'));
  const packages = productionPackages(lock, (folder) => {
    const path = join(ROOT, folder, 'package.json');
    return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
  });
  const counts = new Map<string, number>();
  for (const { licence } of packages) counts.set(licence, (counts.get(licence) ?? 0) + 1);
  for (const [licence, count] of [...counts].sort((a, b) => b[1] - a[1]))
    process.stdout.write(`${count}\t${licence}\n`);
  for (const exception of EXCEPTIONS) {
    const found = packages.filter((installed) => exceptionFor(installed) === exception);
    if (found.length > 0)
      process.stdout.write(`let in: ${found.map(({ name }) => name).join(', ')}: ${exception.reason}\n`);
  }
  const bad = refused(packages);
  for (const { name, version, licence } of bad) {
    process.stderr.write(`${name}@${version}: ${licence || 'names no licence'}\n`);
  }
  process.stdout.write(`${packages.length} packages in the production tree, ${bad.length} not permissive\n`);
  process.exitCode = bad.length === 0 ? 0 : 1;
}
