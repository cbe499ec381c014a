import { describe, expect, it } from 'vitest';
import { torus, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { cross, dot, sphereDirections, subtract, type Vector3 } from '../raster/camera.ts';
import { FaceGrid } from './face-grid.ts';
import { TriangleBvh } from './triangle-bvh.ts';

const ring = extractSurface(voxelize(torus(0.3, 0.1), { resolution: 32, noise: 0.2 }));
const wild: TriangleMesh = {
  positions: Float32Array.from({ length: 1800 }, (_, i) => Math.sin(i * 12.9898) * 0.4),
  indices: Uint32Array.from({ length: 600 }, (_, i) => i),
};

const directions: Vector3[] = [...sphereDirections(40), [1, 0, 0], [0, -1, 0], [0, 0, 1]];

describe('FaceGrid', () => {
  it.each([
    ['a ring', ring],
    ['a soup of large triangles', wild],
  ])('agrees with a test of every face about rays in %s', (_, mesh) => {
    const grid = new FaceGrid(mesh);
    let [open, closed] = [0, 0];
    for (let i = 0; i < 60; i++) {
      const origin = [0, 1, 2].map((k) => 0.3 * Math.sin(i * 7.1 + k * 2.3)) as [number, number, number];
      for (const direction of directions) {
        const isOpen = !meetsAnyFace(mesh, origin, direction);
        expect(grid.isOpen(...origin, ...direction)).toBe(isOpen);
        if (isOpen) open++;
        else closed++;
      }
    }
    expect(open).toBeGreaterThan(100);
    expect(closed).toBeGreaterThan(100);
  });

  it('knows distances as far as it is asked', () => {
    const [grid, tree] = [new FaceGrid(ring), TriangleBvh.of(ring)];
    let [near, far] = [0, 0];
    for (let i = 0; i < 400; i++) {
      const point = [0.8192, 0.6711, 0.5497].map((step) => ((i * step) % 1) - 0.5) as [number, number, number];
      const { distance } = tree.closestPoint(...point);
      expect(grid.distanceWithin(point, 0.05)).toBeCloseTo(Math.min(distance, 0.05), 12);
      expect(grid.isWithin(point, 0.05)).toBe(distance <= 0.05);
      if (distance < 0.05) near++;
      else far++;
    }
    expect(Math.min(near, far)).toBeGreaterThan(20);
  });

  it('stays small with faces through all of its cells, and knows flat meshes and far corners', () => {
    const crossing = new FaceGrid(wild);
    crossing.isOpen(0, 0, 0, 1, 0, 0);
    expect(crossing.tests).toBeGreaterThan(0);
    const flat = { positions: Float32Array.of(0, 0, 0, 1, 0, 0, 0, 1, 0), indices: Uint32Array.of(0, 1, 2) };
    expect(new FaceGrid(flat).isOpen(0.2, 0.2, -1, 0, 0, 1)).toBe(false);
    expect(new FaceGrid(flat).isOpen(0.9, 0.9, -1, 0, 0, 1)).toBe(true);
    const far = { positions: Float32Array.of(0, 0, 0, 1e30, 0, 0, 0, 1, 0), indices: Uint32Array.of(0, 1, 2) };
    expect(new FaceGrid(far).isOpen(0.2, 0.2, -1, 0, 0, -1)).toBe(true);
  });
});

/** By the signs of the volumes that the ray spans with each edge: nothing in common with the grid's own test. */
function meetsAnyFace({ positions, indices }: TriangleMesh, origin: Vector3, direction: Vector3): boolean {
  const corner = (i: number): Vector3 => {
    const vertex = (indices[i] as number) * 3;
    return subtract([...positions.subarray(vertex, vertex + 3)] as unknown as Vector3, origin);
  };
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [corner(i), corner(i + 1), corner(i + 2)];
    const sides = [dot(direction, cross(a, b)), dot(direction, cross(b, c)), dot(direction, cross(c, a))];
    if (!(sides.every((side) => side >= 0) || sides.every((side) => side <= 0))) continue;
    const normal = cross(subtract(b, a), subtract(c, a));
    if (dot(a, normal) / dot(direction, normal) > 1e-5) return true;
  }
  return false;
}
