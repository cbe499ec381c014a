/**
 * How a TypeScript module of this repository is started as a process or a thread of its own.
 *
 * Sources run as they are, through tsx; a compiled build runs as plain JavaScript. Children do not inherit a
 * loader that was registered from inside their parent, so each of them gets it by flag.
 */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

/** Node flags with which a child process or worker thread can load `moduleUrl`. */
export function nodeFlagsFor(moduleUrl: string | URL): string[] {
  if (!String(moduleUrl).endsWith('.ts')) return [];
  // Not `import.meta.resolve`: a thread that was started through `require` has none.
  return ['--import', pathToFileURL(require.resolve('tsx')).href];
}
