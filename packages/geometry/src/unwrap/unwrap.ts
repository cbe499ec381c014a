/** Texture coordinates for a mesh, within budgets. */

import { Worker } from 'node:worker_threads';
import { CancelledError, TerminalError } from '@espalier/contracts';
import { checkpoint, type Interruptible } from '../interruptible.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { boxUnwrap } from './box-unwrap.ts';
import type { UnwrappedMesh, UnwrapReport } from './unwrapped-mesh.ts';

/** What the thread is given, and what it posts. */
interface XatlasRequest {
  readonly positions: Float32Array;
  readonly indices: Uint32Array;
  readonly size: number;
  readonly padding: number;
}

interface XatlasReply {
  readonly indices: Uint32Array;
  readonly uvs: Float32Array;
  readonly source: Uint32Array;
  readonly charts: number;
}

/** `onProgress` is called once, with 0, when xatlas has begun. */
export interface UnwrapOptions extends Interruptible {
  /** Pixels along one edge of the texture that the coordinates are meant for. */
  readonly textureSize: number;
  /** Empty texels around each chart. Default: `textureSize / 128`, at least 2: no foreign colour to mip level 3 at 1024. */
  readonly padding?: number;
  /** xatlas is not tried above this many faces, for its time grows with their square. Default 12,000. */
  readonly maxXatlasFaces?: number;
  /**
   * Seconds that xatlas may take once it has begun. Default 60, many times what it needs below the face budget: a run that hits this
   * limit gives other coordinates than one that does not.
   */
  readonly timeBudgetSeconds?: number;
}

export const UNWRAP_DEFAULTS = { maxXatlasFaces: 12_000, timeBudgetSeconds: 60 } as const;

/**
 * xatlas in a thread of its own; over budget, or when it fails, charts cut by normal, which never fail. No triangle
 * comes out mirrored.
 *
 * @throws TerminalError `MESH_EMPTY` for a mesh without faces; CancelledError, the thread being ended at once.
 */
export async function unwrap(
  mesh: TriangleMesh,
  options: UnwrapOptions,
): Promise<{ mesh: UnwrappedMesh; report: UnwrapReport }> {
  if (mesh.indices.length === 0) {
    throw new TerminalError('the mesh has no faces to unwrap', { code: 'MESH_EMPTY', field: 'mesh' });
  }
  const { textureSize } = options;
  const padding = options.padding ?? Math.max(2, Math.round(textureSize / 128));
  const { maxXatlasFaces, timeBudgetSeconds } = { ...UNWRAP_DEFAULTS, ...options };
  const reply =
    mesh.indices.length / 3 > maxXatlasFaces
      ? 'faces'
      : await runXatlas({ ...mesh, size: textureSize, padding }, timeBudgetSeconds, options);
  if (typeof reply === 'string') {
    const { mesh: unwrapped, charts } = boxUnwrap(mesh, textureSize, padding);
    return { mesh: unwrapped, report: { method: 'box', fallback: reply, charts } };
  }
  const positions = new Float32Array(reply.source.length * 3);
  reply.source.forEach((vertex, copy) => {
    positions.set(mesh.positions.subarray(vertex * 3, vertex * 3 + 3), copy * 3);
  });
  const { indices, uvs, source, charts } = reply;
  return { mesh: { positions, indices, uvs, source }, report: { method: 'xatlas', charts } };
}

function runXatlas(
  request: XatlasRequest,
  budgetSeconds: number,
  { signal, onProgress }: Interruptible,
): Promise<XatlasReply | 'time' | 'failed'> {
  checkpoint({ signal });
  const { positions, indices, size, padding } = request;
  const thread = new Worker(new URL('./xatlas-thread.mjs', import.meta.url), {
    execArgv: [],
    workerData: { positions, indices, size, padding } satisfies XatlasRequest,
    stdout: true,
    stderr: true,
  });
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | undefined;
    const finish = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      thread.removeAllListeners('message');
      thread.removeAllListeners('exit');
      // Settled only once the thread is gone: a process that ends while one is being torn down may crash.
      void thread.terminate().finally(settle);
    };
    const onAbort = () => finish(() => reject(new CancelledError('cancelled', { cause: signal?.reason })));
    signal?.addEventListener('abort', onAbort);
    const begin = () => {
      timer = setTimeout(() => finish(() => resolve('time')), budgetSeconds * 1000);
      try {
        onProgress?.(0);
      } catch (error) {
        finish(() => reject(error));
      }
    };
    thread.on('message', (message: 'started' | XatlasReply) => {
      if (message === 'started') begin();
      else finish(() => resolve(isUsable(message, indices) ? message : 'failed'));
    });
    // Whatever goes wrong inside xatlas, the other method is there for it.
    thread.once('error', () => finish(() => resolve('failed')));
    thread.once('exit', () => finish(() => resolve('failed')));
  });
}

function isUsable(reply: XatlasReply, indices: Uint32Array): boolean {
  return reply.indices.length === indices.length && reply.uvs.every((value) => value >= 0 && value <= 1);
}
