import { describe, expect, it } from 'vitest';
import { box, sphere, union, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { sphereDirections, type View, viewOf } from './camera.ts';
import { SeenFaces } from './seen-faces.ts';
import { rasterize } from './visibility.ts';

const shape = union(sphere(0.3), box([0.45, 0.1, 0.1]));
const hollow = extractSurface({ ...voxelize(shape, { resolution: 32, noise: 0.2 }), fillEnclosed: false });
const size = 96;
const views: View[] = sphereDirections(7).map(([x, y, z]) =>
  viewOf({ eye: [x * 2, y * 2, z * 2], target: [0, 0, 0], up: [0, 0, 1], halfHeight: 0.9 }),
);

function seenBy(mesh: TriangleMesh, cullsBack: boolean): Uint8Array {
  const seen = new Uint8Array(mesh.indices.length / 3);
  const drawing = new SeenFaces(mesh, { size, cullsBack });
  for (const view of views) drawing.mark(view, seen);
  return seen;
}

function nearestIn(mesh: TriangleMesh): Uint8Array {
  const seen = new Uint8Array(mesh.indices.length / 3);
  for (const view of views) for (const face of rasterize(mesh, view, size, size).face) if (face >= 0) seen[face] = 1;
  return seen;
}

describe('SeenFaces', () => {
  it('marks the faces that the full rasteriser shows, and no inner wall', () => {
    const seen = seenBy(hollow, false);
    // A pixel that lies on an edge to the last bit may fall to either face: positions are rounded here.
    const expected = nearestIn(hollow);
    const differing = seen.reduce((sum, value, face) => sum + (value === expected[face] ? 0 : 1), 0);
    expect(differing).toBeLessThan(seen.length / 1000);
    const share = seen.reduce((sum, value) => sum + value, 0) / seen.length;
    expect(share).toBeGreaterThan(0.3);
    expect(share).toBeLessThan(0.7);
  });

  it('loses nothing of a closed surface when it leaves out what faces away', () => {
    expect(seenBy(hollow, true)).toEqual(seenBy(hollow, false));
  });

  it('shows both sides of an open sheet unless told not to', () => {
    const sheet = {
      positions: Float32Array.of(-0.5, -0.5, 0, 0.5, -0.5, 0, 0, 0.5, 0),
      indices: Uint32Array.of(0, 1, 2),
    };
    const marks = (z: number, cullsBack: boolean) => {
      const seen = new Uint8Array(1);
      const view = viewOf({ eye: [0, 0, z], target: [0, 0, 0], up: [0, 1, 0], halfHeight: 0.9 });
      new SeenFaces(sheet, { size, cullsBack }).mark(view, seen);
      return seen[0] === 1;
    };
    expect([marks(2, false), marks(-2, false)]).toEqual([true, true]);
    expect([marks(2, true), marks(-2, true)]).toEqual([true, false]);
  });
});
