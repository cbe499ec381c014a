import type { Worker } from 'node:worker_threads';
import { CancelledError } from '@espalier/contracts';
import { describe, expect, it } from 'vitest';
import { box, sphere, torus, union, voxelize } from '../../test/shapes.ts';
import { mapTexels } from '../bake/texel-map.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { simplify } from '../surface/simplify.ts';
import { boxUnwrap } from './box-unwrap.ts';
import { unwrap } from './unwrap.ts';
import type { UnwrappedMesh } from './unwrapped-mesh.ts';

const raw = extractSurface(
  voxelize(union(torus(0.3, 0.1), box([0.15, 0.1, 0.3]), sphere(0.15, [0.2, 0.2, 0.1])), {
    resolution: 48,
    noise: 0.3,
  }),
);
const { mesh } = await simplify(raw, { targetFaces: 1500 });

/** Signed areas in texture space, v up. */
function uvAreas({ indices, uvs }: UnwrappedMesh): number[] {
  return Array.from({ length: indices.length / 3 }, (_, face) => {
    const [a, b, c] = [0, 1, 2].map((k) => (indices[face * 3 + k] as number) * 2) as [number, number, number];
    const [ux, uy] = [(uvs[b] as number) - (uvs[a] as number), (uvs[a + 1] as number) - (uvs[b + 1] as number)];
    const [vx, vy] = [(uvs[c] as number) - (uvs[a] as number), (uvs[a + 1] as number) - (uvs[c + 1] as number)];
    return (ux * vy - uy * vx) / 2;
  });
}

/** Texel centres that lie well inside more than one face. */
function overlaps(unwrapped: UnwrappedMesh, size: number): number {
  const texels = mapTexels(unwrapped, size);
  const covered = uvAreas(unwrapped).reduce((sum, area) => sum + area, 0) * size * size;
  const filled = texels.face.reduce((sum, face, i) => {
    const inside = face >= 0 && (texels.v[i] as number) > 0 && (texels.w[i] as number) > 0;
    return sum + (inside ? 1 : 0);
  }, 0);
  return Math.max(0, covered - filled) / covered;
}

describe.each(['xatlas', 'box'] as const)('unwrap by %s', (method) => {
  const run = () =>
    unwrap(mesh, { textureSize: 512, maxXatlasFaces: method === 'box' ? 0 : 100_000, timeBudgetSeconds: 120 });

  it('keeps the faces, mirrors none, stays in the unit square and covers no texel twice', async () => {
    const { mesh: unwrapped, report } = await run();
    expect(report.method).toBe(method);
    expect(unwrapped.indices.length).toBe(mesh.indices.length);
    for (const value of unwrapped.uvs) expect(value >= 0 && value <= 1).toBe(true);
    expect(uvAreas(unwrapped).filter((area) => area < -1e-9)).toEqual([]);
    expect(uvAreas(unwrapped).reduce((sum, area) => sum + area, 0)).toBeGreaterThan(0.3);
    expect(overlaps(unwrapped, 2048)).toBeLessThan(0.01);
    const corners = (m: { positions: Float32Array; indices: Uint32Array }) =>
      Array.from({ length: m.indices.length / 3 }, (_, f) =>
        [0, 1, 2]
          .map((k) =>
            m.positions.subarray((m.indices[f * 3 + k] as number) * 3, (m.indices[f * 3 + k] as number) * 3 + 3).join(),
          )
          .toSorted()
          .join(' '),
      ).toSorted();
    expect(corners(unwrapped)).toEqual(corners(mesh));
  });

  it('gives the same coordinates every time', async () => {
    const [one, two] = [await run(), await run()];
    expect(one.mesh.uvs).toEqual(two.mesh.uvs);
    expect(one.mesh.indices).toEqual(two.mesh.indices);
  });
});

describe('unwrap within its budgets', () => {
  it('falls back when there are too many faces', async () => {
    const { report } = await unwrap(mesh, { textureSize: 256, maxXatlasFaces: 10 });
    expect(report).toMatchObject({ method: 'box', fallback: 'faces' });
  });

  describe('while xatlas is at a mesh that takes it minutes', { timeout: 120_000 }, () => {
    const shape = union(torus(0.3, 0.1), box([0.15, 0.1, 0.3]), sphere(0.15, [0.2, 0.2, 0.1]));
    const hard = extractSurface(voxelize(shape, { resolution: 64, noise: 0.4 }));
    const limits = { textureSize: 256, maxXatlasFaces: 1e6 };

    /** The thread that is started next. */
    function nextThread(): Promise<Worker> {
      return new Promise((resolve) => process.once('worker', resolve));
    }

    it('falls back when its time is up, and the thread is gone', async () => {
      const thread = nextThread();
      const shares: number[] = [];
      const options = { ...limits, timeBudgetSeconds: 0.5, onProgress: (share: number) => shares.push(share) };
      const { mesh: unwrapped, report } = await unwrap(hard, options);
      expect(shares).toEqual([0]);
      expect(report).toMatchObject({ method: 'box', fallback: 'time' });
      expect(unwrapped.indices.length).toBe(hard.indices.length);
      expect((await thread).threadId).toBe(-1);
    });

    it('ends when cancelled, and the thread is gone', async () => {
      const thread = nextThread();
      const controller = new AbortController();
      const onProgress = () => controller.abort(new Error('enough'));
      const running = unwrap(hard, { ...limits, signal: controller.signal, onProgress });
      const error = await running.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(CancelledError);
      expect(error).toMatchObject({ cause: { message: 'enough' } });
      expect((await thread).threadId).toBe(-1);
    });

    it('ends with what the listener throws', async () => {
      const onProgress = () => {
        throw new Error('no more');
      };
      await expect(unwrap(hard, { ...limits, onProgress })).rejects.toThrow('no more');
    });
  });

  it('does not begin when cancelled before', async () => {
    const running = unwrap(raw, { textureSize: 256, maxXatlasFaces: 1e6, signal: AbortSignal.abort() });
    await expect(running).rejects.toThrow(CancelledError);
  });

  it('refuses a mesh without faces', async () => {
    const empty = { positions: new Float32Array(0), indices: new Uint32Array(0) };
    await expect(unwrap(empty, { textureSize: 256 })).rejects.toMatchObject({ code: 'MESH_EMPTY' });
  });

  it('places any soup of triangles, however small the texture', () => {
    const faces = 5000;
    const positions = Float32Array.from({ length: faces * 9 }, (_, i) => Math.sin(i * 12.9898) * 0.4);
    const indices = Uint32Array.from({ length: faces * 3 }, (_, i) => i);
    const { mesh: unwrapped } = boxUnwrap({ positions, indices }, 64, 2);
    for (const value of unwrapped.uvs) expect(value >= 0 && value <= 1).toBe(true);
    expect(uvAreas(unwrapped).filter((area) => area < -1e-9)).toEqual([]);
  });

  it('survives faces without area and a single face', () => {
    const positions = new Float32Array([0, 0, 0, 1, 0, 0, 0, 1, 0, 0.5, 0, 0]);
    for (const indices of [new Uint32Array([0, 1, 2]), new Uint32Array([0, 1, 2, 0, 3, 1, 0, 0, 0])]) {
      const { mesh: unwrapped } = boxUnwrap({ positions, indices }, 128, 2);
      expect(unwrapped.indices.length).toBe(indices.length);
      for (const value of unwrapped.uvs) expect(Number.isFinite(value)).toBe(true);
    }
  });
});
