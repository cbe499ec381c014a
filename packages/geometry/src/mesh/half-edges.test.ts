import { describe, expect, it } from 'vitest';
import { boundaryHalfEdges, HalfEdges, nextCorner, previousCorner, twinHalfEdges, UNPAIRED } from './half-edges.ts';

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

  it('knows the way round a face', () => {
    expect([3, 4, 5].map(nextCorner)).toEqual([4, 5, 3]);
    expect([3, 4, 5].map(previousCorner)).toEqual([5, 3, 4]);
  });
});
