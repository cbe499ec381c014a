import { describe, expect, it } from 'vitest';
import { sphere, torus, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { faceCount, type RawMesh } from '../mesh/mesh.ts';
import { inspectTopology } from '../mesh/topology.ts';
import { SILHOUETTE_TOLERANCE, simplify } from './simplify.ts';

const raw = extractSurface(voxelize(torus(0.3, 0.12), { resolution: 48, color: (x) => [x + 0.5, 0.5, 0.25] }));

describe('simplify', () => {
  it.each([0.25, 0.5, 0.9, 0.95])(
    'removes a share of %f and keeps the surface closed, manifold and outward',
    async (share) => {
      const { mesh } = await simplify(raw, { simplify: share });
      expect(Math.abs(faceCount(mesh) - faceCount(raw) * (1 - share))).toBeLessThanOrEqual(2);
      const topology = inspectTopology(mesh);
      expect(topology).toMatchObject({ watertight: true, manifold: true, components: 1 });
      expect(topology.volume / inspectTopology(raw).volume).toBeGreaterThan(0.97);
    },
  );

  it('keeps all at 0', async () => {
    expect((await simplify(raw, { simplify: 0 })).mesh).toBe(raw);
  });

  it('stops at the silhouette tolerance at 1', async () => {
    const { mesh, error } = await simplify(raw, { simplify: 1 });
    expect(faceCount(mesh)).toBeLessThan(faceCount(raw) / 10);
    expect(faceCount(mesh)).toBeGreaterThan(100);
    expect(error).toBeLessThanOrEqual(SILHOUETTE_TOLERANCE);
  });

  it('takes a number of faces, and a limit that wins over the share', async () => {
    expect(faceCount((await simplify(raw, { targetFaces: 500 })).mesh)).toBeLessThanOrEqual(500);
    expect(faceCount((await simplify(raw, { simplify: 0, maxFaces: 800 })).mesh)).toBeLessThanOrEqual(800);
  });

  it('carries colours along', async () => {
    const { mesh } = await simplify(raw, { simplify: 0.9 });
    for (let v = 0; v < mesh.positions.length / 3; v++) {
      expect(Math.abs((mesh.attributes[v * 6] as number) - ((mesh.positions[v * 3] as number) + 0.5))).toBeLessThan(
        0.03,
      );
    }
  });

  it('gives the same mesh every time and leaves its input alone', async () => {
    const before = { positions: raw.positions.slice(), indices: raw.indices.slice() };
    const [one, two] = [await simplify(raw, { simplify: 0.8 }), await simplify(raw, { simplify: 0.8 })];
    expect(one).toEqual(two);
    expect(raw.positions).toEqual(before.positions);
    expect(raw.indices).toEqual(before.indices);
  });

  it.each([{ simplify: -0.1 }, { simplify: Number.NaN }, { targetFaces: 0 }, { maxFaces: 1.5 }])(
    'refuses %o',
    async (bad) => {
      await expect(simplify(raw, bad)).rejects.toMatchObject({ code: 'SIMPLIFY_INVALID' });
    },
  );

  it('leaves an empty mesh empty', async () => {
    const empty: RawMesh = {
      positions: new Float32Array(0),
      indices: new Uint32Array(0),
      attributes: new Float32Array(0),
    };
    expect((await simplify(empty, { simplify: 0.5 })).mesh.indices.length).toBe(0);
  });

  it('keeps both walls of a hollow sphere apart', async () => {
    const hollow = extractSurface({ ...voxelize(sphere(0.35), { resolution: 32 }), fillEnclosed: false });
    const { mesh } = await simplify(hollow, { simplify: 0.8 });
    expect(inspectTopology(mesh)).toMatchObject({ watertight: true, manifold: true, components: 2 });
  });
});
