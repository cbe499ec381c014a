/**
 * How a TypeScript module of this repository is started as a process or a thread of its own.
 *
 * Sources run as they are, through tsx; a compiled build runs as plain JavaScript. Children do not inherit a
 * loader that was registered from inside their parent, so each of them gets it by flag.
 */

/** Node flags with which a child process or worker thread can load `moduleUrl`. */
export function nodeFlagsFor(moduleUrl: string | URL): string[] {
  return String(moduleUrl).endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
}
