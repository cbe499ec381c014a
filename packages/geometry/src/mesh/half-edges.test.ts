import { describe, expect, it } from 'vitest';
import { sphere, subtract, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { filterFaces } from './compact.ts';
import {
  boundaryHalfEdges,
  HalfEdges,
  isClosed,
  keptTwins,
  nextCorner,
  previousCorner,
  twinHalfEdges,
  UNPAIRED,
} from './half-edges.ts';

const positions = new Float32Array(15);

describe('twinHalfEdges', () => {
  it('pairs what runs both ways between two vertices, and only where nothing else does', () => {
    // Two faces over one edge; a third one joins it; two that wind against each other.
    const pair = Uint32Array.of(0, 1, 2, 1, 0, 3);
    expect([...twinHalfEdges({ positions, indices: pair })]).toEqual([3, -1, -1, 0, -1, -1]);
    const crowd = Uint32Array.of(0, 1, 2, 1, 0, 3, 0, 1, 4);
    expect(twinHalfEdges({ positions, indices: crowd }).every((twin) => twin === UNPAIRED)).toBe(true);
    const against = Uint32Array.of(0, 1, 2, 0, 1, 3);
    expect(twinHalfEdges({ positions, indices: against }).every((twin) => twin === UNPAIRED)).toBe(true);
  });

  it('agrees with looking every edge up', () => {
    let seed = 7;
    const random = (below: number) => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    for (let round = 0; round < 50; round++) {
      const vertices = 5 + random(8);
      const corners = Array.from({ length: 3 + random(20) }, () => {
        const a = random(vertices);
        const b = (a + 1 + random(vertices - 2)) % vertices;
        const c = [...Array(vertices).keys()].filter((v) => v !== a && v !== b)[random(vertices - 2)] as number;
        return [a, b, c];
      });
      const indices = Uint32Array.from(corners.flat());
      const mesh = { positions: new Float32Array(vertices * 3), indices };
      const [twins, edges] = [twinHalfEdges(mesh), HalfEdges.of(mesh)];
      const rims: number[] = [];
      indices.forEach((from, i) => {
        const to = indices[nextCorner(i)] as number;
        const opposite = edges.find(to, from);
        const isAlone = edges.find(from, to, edges.find(from, to)) < 0 && edges.find(to, from, opposite) < 0;
        expect(twins[i]).toBe(opposite >= 0 && isAlone ? opposite : UNPAIRED);
        if (opposite < 0) rims.push(i);
      });
      expect(boundaryHalfEdges(mesh)).toEqual(rims);
    }
  });

  it.each([
    ['a piece', (_face: number, x: number) => x > 0.1],
    ['faces here and there', (face: number) => face % 7 < 2],
    ['the inner of two walls', (_face: number, x: number, y: number, z: number) => Math.hypot(x, y, z) < 0.3],
  ])('knows what stays of its pairs without %s', (_, goes) => {
    const mesh = extractSurface(voxelize(subtract(sphere(0.4), sphere(0.2)), { resolution: 24 }));
    const twins = twinHalfEdges(mesh);
    expect(isClosed(twins)).toBe(true);
    const at = (face: number, k: number) => mesh.positions[(mesh.indices[face * 3] as number) * 3 + k] as number;
    const isGone = new Uint8Array(mesh.indices.length / 3).map((__, face) =>
      Number(goes(face, at(face, 0), at(face, 1), at(face, 2))),
    );
    expect(isGone.some((gone) => gone === 1) && isGone.some((gone) => gone === 0)).toBe(true);
    const indices = filterFaces(mesh.indices, (face) => isGone[face] === 0);
    expect(keptTwins(twins, isGone)).toEqual(twinHalfEdges({ positions: mesh.positions, indices }));
  });

  it('knows the way round a face', () => {
    expect([3, 4, 5].map(nextCorner)).toEqual([4, 5, 3]);
    expect([3, 4, 5].map(previousCorner)).toEqual([5, 3, 4]);
  });
});
