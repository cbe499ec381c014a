/** Starts a module of this package as a worker thread, from TypeScript sources or from a compiled build. */

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Worker, type WorkerOptions } from 'node:worker_threads';

/**
 * A worker thread does not take a loader over from its parent, nor, on Node 20, from `--import` among its flags:
 * a one-line module registers tsx inside the thread first.
 */
export function startThread(moduleUrl: URL, options: Omit<WorkerOptions, 'eval'>): Worker {
  if (!moduleUrl.pathname.endsWith('.ts')) return new Worker(moduleUrl, options);
  // Not `import.meta.resolve`: a thread that was started through `require` has none. `require.resolve` names the
  // CommonJS twin, which cannot register on Node 20; the module stands beside it.
  const twin = createRequire(import.meta.url).resolve('tsx/esm/api');
  const loader = JSON.stringify(pathToFileURL(twin.replace(/\.cjs$/, '.mjs')).href);
  const entry = `import { register } from ${loader}; register(); await import(${JSON.stringify(moduleUrl.href)});`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(entry)}`), options);
}
