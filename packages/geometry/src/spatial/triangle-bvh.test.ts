import { describe, expect, it } from 'vitest';
import { sphere, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { TriangleBvh } from './triangle-bvh.ts';
import { refitTree, triangleTree } from './triangle-tree.ts';

const mesh = extractSurface(voxelize(sphere(0.35), { resolution: 24 }));
const tree = TriangleBvh.of(mesh);
const corner = (face: number, k: number) =>
  mesh.positions.subarray((mesh.indices[face * 3 + k] as number) * 3, (mesh.indices[face * 3 + k] as number) * 3 + 3);

function sequence(i: number): [number, number, number] {
  return [0, 1, 2].map((k) => ((Math.sin(i * 12.9898 + k * 78.233) * 43758.5453) % 1) * 0.6) as [
    number,
    number,
    number,
  ];
}

describe('TriangleBvh', () => {
  it('finds the nearest point, with or without a hint, as a search over a fine sampling of all faces does', () => {
    for (let i = 0; i < 40; i++) {
      const [x, y, z] = sequence(i);
      let sampled = Infinity;
      for (let face = 0; face < mesh.indices.length / 3; face++) {
        const [a, b, c] = [corner(face, 0), corner(face, 1), corner(face, 2)];
        for (let v = 0; v <= 6; v++) {
          for (let w = 0; w <= 6 - v; w++) {
            const p = [0, 1, 2].map(
              (k) =>
                (a[k] as number) +
                (v / 6) * ((b[k] as number) - (a[k] as number)) +
                (w / 6) * ((c[k] as number) - (a[k] as number)),
            );
            sampled = Math.min(sampled, Math.hypot((p[0] as number) - x, (p[1] as number) - y, (p[2] as number) - z));
          }
        }
      }
      const { distance, face, v, w } = tree.closestPoint(x, y, z);
      expect(distance).toBeLessThanOrEqual(sampled + 1e-7);
      expect(distance).toBeGreaterThan(sampled - 0.005);
      const point = [0, 1, 2].map(
        (k) =>
          (corner(face, 0)[k] as number) * (1 - v - w) +
          (corner(face, 1)[k] as number) * v +
          (corner(face, 2)[k] as number) * w,
      );
      expect(Math.hypot((point[0] as number) - x, (point[1] as number) - y, (point[2] as number) - z)).toBeCloseTo(
        distance,
        6,
      );
      expect(tree.closestPoint(x, y, z, (i * 37) % 500).distance).toBeCloseTo(distance, 7);
    }
  });

  it('finds nothing on a mesh without faces', () => {
    const empty = TriangleBvh.of({ positions: new Float32Array(0), indices: new Uint32Array(0) });
    expect(empty.closestPoint(0, 0, 0).face).toBe(-1);
  });

  it('finds the same distances on a mesh that has moved, in the old tree with other boxes', () => {
    const positions = mesh.positions.map((value, i) => value * 1.1 + 0.02 * Math.sin(i * 2.7));
    const moved = { positions, indices: mesh.indices };
    const refitted = new TriangleBvh(refitTree(triangleTree(mesh), moved));
    const fresh = TriangleBvh.of(moved);
    for (let i = 0; i < 500; i++) {
      const expected = { ...fresh.closestPoint(...sequence(i)) };
      const { distance, face, v, w } = refitted.closestPoint(...sequence(i));
      expect(distance).toBe(expected.distance);
      // Of faces that are equally near, another one may be met first; the point is the same.
      const there = pointOn(moved, expected.face, expected.v, expected.w);
      pointOn(moved, face, v, w).forEach((value, k) => {
        expect(value).toBeCloseTo(there[k] as number, 6);
      });
    }
  });
});

function pointOn({ positions, indices }: TriangleMesh, face: number, v: number, w: number): number[] {
  return [0, 1, 2].map((k) =>
    [1 - v - w, v, w].reduce(
      (sum, weight, c) => sum + weight * (positions[(indices[face * 3 + c] as number) * 3 + k] as number),
      0,
    ),
  );
}
