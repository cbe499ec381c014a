import {
  CancelledError,
  OUT_OF_MEMORY_MESSAGE,
  RetryableError,
  silentLogger,
  TerminalError,
} from '@espalier/contracts';
import { cleanSurface, extractSurface } from '@espalier/geometry';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sphere, voxelize } from '../../../geometry/test/shapes.ts';
import { CpuPool, type CpuPoolOptions, type CpuRunOptions } from './cpu-pool.ts';

function open(options: Partial<CpuPoolOptions> = {}): CpuPool {
  const pool = new CpuPool({ size: 1, logger: silentLogger, ...options });
  onTestFinished(() => pool.close());
  return pool;
}

const stub = new URL('../../test/cpu-stub.ts', import.meta.url);

/** The stub understands other inputs than the tasks it stands in for. */
const act = (pool: CpuPool, does: string, options?: CpuRunOptions): Promise<unknown> =>
  pool.run('surface', { does } as never, options);

describe('CpuPool', () => {
  it('runs tasks and tells progress', async () => {
    const shares: number[] = [];
    expect(await act(open({ module: stub }), 'a', { onProgress: (share) => shares.push(share) })).toBe('a');
    expect(shares).toEqual([1]);
  });

  it('makes errors of crashes, each for its own task only', async () => {
    const pool = open({ module: stub });
    for (const does of ['exit', 'uncaught']) {
      const [crash, other] = await Promise.allSettled([act(pool, does), act(pool, 'b')]);
      expect(crash).toMatchObject({ reason: { code: 'CPU_WORKER_CRASHED' } });
      expect((crash as PromiseRejectedResult).reason).toBeInstanceOf(RetryableError);
      expect(other).toEqual({ status: 'fulfilled', value: 'b' });
    }
  });

  it('passes errors through with class, code and field', async () => {
    const pool = open({ module: stub });
    const error = await act(pool, 'terminal').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TerminalError);
    expect(error).toMatchObject({ code: 'MESH_EMPTY', field: 'mesh', message: 'no faces' });
    await expect(act(pool, 'throw')).rejects.toMatchObject({ code: 'CPU_TASK_FAILED', message: 'odd' });
  });

  it('says that memory ran out', async () => {
    const pool = open({ module: stub, heapMegabytes: 64 });
    const error = await act(pool, 'heap').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RetryableError);
    expect(error).toMatchObject({ code: 'OUT_OF_MEMORY', message: OUT_OF_MEMORY_MESSAGE });
    expect(await act(pool, 'after')).toBe('after');
  });

  it('ends a cancelled task at once, whatever it does', async () => {
    const pool = open({ module: stub });
    const controller = new AbortController();
    const task = act(pool, 'forever', { signal: controller.signal, onProgress: () => controller.abort() });
    await expect(task).rejects.toBeInstanceOf(CancelledError);
    expect(await act(pool, 'after')).toBe('after');
    await expect(act(pool, 'a', { signal: AbortSignal.abort() })).rejects.toBeInstanceOf(CancelledError);
  });

  it('ends unwrapping in the middle of xatlas, which runs in a thread of its own', async () => {
    const pool = open();
    const raw = extractSurface(voxelize(sphere(0.4), { resolution: 64, noise: 0.4 }));
    const { mesh } = await cleanSurface(raw, { targetFaces: 12_000 });
    const controller = new AbortController();
    const shares: number[] = [];
    const onProgress = (share: number) => {
      shares.push(share);
      controller.abort();
    };
    const unwrapping = pool.run('unwrap', { mesh, textureSize: 128 }, { signal: controller.signal, onProgress });
    await expect(unwrapping).rejects.toBeInstanceOf(CancelledError);
    expect(shares).toEqual([0]);
    const small = await cleanSurface(raw, { targetFaces: 200 });
    expect((await pool.run('unwrap', { mesh: small.mesh, textureSize: 128 })).report.method).toBe('xatlas');
  });

  it('runs the real tasks', async () => {
    const pool = open();
    const raw = extractSurface(voxelize(sphere(0.4), { resolution: 16 }));
    const { mesh } = await cleanSurface(raw, { simplify: 0.5 });
    const { target, report } = await pool.run('unwrap', { mesh, textureSize: 128 });
    expect(report.method).toBe('xatlas');
    expect(target.mesh.indices.length).toBe(mesh.indices.length);
    expect(pool.seconds).toBeGreaterThan(0);
    expect(mesh.positions.length).toBeGreaterThan(0); // copied, not moved: the caller still needs it
    const empty = { ...mesh, indices: new Uint32Array() };
    const unwrapping = pool.run('unwrap', { mesh: empty, textureSize: 128 });
    await expect(unwrapping).rejects.toMatchObject({ code: 'MESH_EMPTY' });
  });
});
