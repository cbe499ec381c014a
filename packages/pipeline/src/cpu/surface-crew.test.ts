import { CancelledError, silentLogger } from '@espalier/contracts';
import { cleanSurface, extractSurface, type RawMesh } from '@espalier/geometry';
import { describe, expect, it, onTestFinished } from 'vitest';
import { box, sphere, union, voxelize } from '../../../geometry/test/shapes.ts';
import { CpuPool } from './cpu-pool.ts';
import { surfaceCrew } from './surface-crew.ts';

const shape = union(sphere(0.3), box([0.45, 0.1, 0.1]));
const raw = extractSurface({ ...voxelize(shape, { resolution: 64, noise: 0.3 }), fillEnclosed: false });
const ARRAYS = ['positions', 'indices', 'attributes'] as const;

function open(size: number): CpuPool {
  const pool = new CpuPool({ size, logger: silentLogger });
  onTestFinished(() => pool.close());
  return pool;
}

// Threads start slowly on a busy machine.
describe('cleanSurface by the pool', { timeout: 240_000 }, () => {
  it('gives the same bytes here, on one thread and on four', async () => {
    const here = await cleanSurface(raw, { simplify: 0.9, maxFaces: 100_000 });
    expect(here.report.hiddenFaces).toBeGreaterThan(raw.indices.length / 3 / 4);
    for (const size of [1, 4]) {
      const there = await cleanSurface(raw, { simplify: 0.9, maxFaces: 100_000 }, surfaceCrew(open(size)));
      expect(there.report).toEqual(here.report);
      for (const role of ['mesh', 'clean'] as const) {
        for (const name of ARRAYS) expect(bytesOf(there[role][name]).equals(bytesOf(here[role][name]))).toBe(true);
      }
      // Not in memory that threads could still change.
      for (const name of ARRAYS) expect(there.mesh[name].buffer).toBeInstanceOf(ArrayBuffer);
    }
    expect(raw.positions.length).toBeGreaterThan(0); // copied, not moved: the caller still needs it
  });

  it('keeps to the face budget, and leaves a mesh whole that nothing is asked of', async () => {
    const crew = surfaceCrew(open(1));
    const { mesh, clean } = await cleanSurface(raw, { simplify: 0, maxFaces: 1000 }, crew);
    expect(faces(mesh)).toBeLessThanOrEqual(1000);
    const whole = await cleanSurface(raw, { simplify: 0 }, crew);
    expect(whole.mesh).toEqual(whole.clean);
    expect(faces(whole.mesh)).toBe(faces(clean));
  });

  it('tells growing shares up to one', async () => {
    const shares: number[] = [];
    await cleanSurface(raw, { simplify: 0.9, onProgress: (share) => shares.push(share) }, surfaceCrew(open(2)));
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    expect(shares.at(-1)).toBe(1);
    expect(shares.length).toBeGreaterThan(8);
  });

  it.each([0.2, 0.45, 0.6])('ends when cancelled at %f, and the pool goes on', async (share) => {
    const pool = open(2);
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = (done: number) => done >= share && controller.abort();
    const cleaning = cleanSurface(raw, { simplify: 0.9, signal, onProgress }, surfaceCrew(pool, signal));
    await expect(cleaning).rejects.toBeInstanceOf(CancelledError);
    expect(faces((await cleanSurface(raw, { simplify: 0.9 }, surfaceCrew(pool))).mesh)).toBeGreaterThan(100);
  });

  it('passes on that a mesh is empty', async () => {
    const empty = { ...raw, indices: new Uint32Array() };
    const cleaning = cleanSurface(empty, { simplify: 0.5 }, surfaceCrew(open(2)));
    await expect(cleaning).rejects.toMatchObject({ code: 'MESH_EMPTY', field: 'mesh' });
  });
});

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function faces({ indices }: RawMesh): number {
  return indices.length / 3;
}
