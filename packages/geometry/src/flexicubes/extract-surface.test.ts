import { CancelledError } from '@espalier/contracts';
import { describe, expect, it } from 'vitest';
import { readGolden } from '../../test/goldens.ts';
import { box, sphere, subtract, torus, voxelize } from '../../test/shapes.ts';
import { inspectTopology, labelComponents } from '../mesh/topology.ts';
import { CUBE_CASES } from './cases.ts';
import { extractSurface } from './extract-surface.ts';

/** Ten times the float32 error that the goldens' README gives for vertices and attributes. */
const GOLDENS = [
  { name: 'flexicubes_sphere32', positions: 3.9e-7, attributes: 2.2e-6 },
  { name: 'flexicubes_torus32', positions: 7.4e-7, attributes: 2.0e-6 },
  { name: 'flexicubes_noise32', positions: 8.4e-7, attributes: 2.0e-6 },
  { name: 'flexicubes_sphere64', positions: 3.4e-7, attributes: 1.7e-6 },
  { name: 'flexicubes_torus64', positions: 6.6e-7, attributes: 1.8e-6 },
  { name: 'flexicubes_noise64', positions: 1.1e-6, attributes: 2.0e-6 },
];

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((max, value, i) => Math.max(max, Math.abs(value - (b[i] as number))), 0);
}

describe('extractSurface against the reference implementation', () => {
  it.each(GOLDENS)('gives the faces of $name exactly', ({ name, positions, attributes }) => {
    const golden = readGolden(name);
    const mesh = extractSurface({ ...golden.voxels, fillEnclosed: false });
    expect(Array.from(mesh.indices)).toEqual(Array.from(golden.faces));
    expect(largestDifference(mesh.positions, golden.vertices)).toBeLessThanOrEqual(positions);
    expect(largestDifference(mesh.attributes, golden.attributes)).toBeLessThanOrEqual(attributes);
  });

  it('does not depend on the order of the voxels', () => {
    const { voxels, faces } = readGolden('flexicubes_torus64');
    const count = voxels.coords.length / 3;
    const coords = new Int32Array(voxels.coords.length);
    const features = new Float32Array(voxels.features.length);
    for (let i = 0; i < count; i++) {
      const from = count - 1 - i;
      coords.set(voxels.coords.subarray(from * 3, from * 3 + 3), i * 3);
      features.set(voxels.features.subarray(from * 101, from * 101 + 101), i * 101);
    }
    const mesh = extractSurface({ coords, features, resolution: voxels.resolution, fillEnclosed: false });
    expect(Array.from(mesh.indices)).toEqual(Array.from(faces));
  });
});

describe('extractSurface on analytic shapes', () => {
  const resolution = 48;
  const shapes = [
    { name: 'sphere', distance: sphere(0.35), volume: (4 / 3) * Math.PI * 0.35 ** 3 },
    { name: 'torus', distance: torus(0.3, 0.12), volume: 2 * Math.PI ** 2 * 0.3 * 0.12 ** 2 },
    { name: 'box', distance: box([0.3, 0.2, 0.25]), volume: 0.6 * 0.4 * 0.5 },
  ];

  it.each(shapes)('makes a $name closed, manifold, in one piece, outward and of the right volume', (shape) => {
    const mesh = extractSurface(voxelize(shape.distance, { resolution }));
    const topology = inspectTopology(mesh);
    expect(topology).toMatchObject({ watertight: true, manifold: true, components: 1 });
    expect(topology.volume / shape.volume).toBeGreaterThan(0.97);
    expect(topology.volume / shape.volume).toBeLessThan(1.03);
  });

  it('grows an inner wall without the fill, and none with it, leaving the outer faces as they were', () => {
    const voxels = voxelize(sphere(0.35), { resolution });
    const hollow = extractSurface({ ...voxels, fillEnclosed: false });
    const solid = extractSurface(voxels);
    expect(labelComponents(hollow).count).toBe(2);
    expect(labelComponents(solid).count).toBe(1);
    const radii = (positions: Float32Array) =>
      Array.from({ length: positions.length / 3 }, (_, v) => Math.hypot(...positions.subarray(v * 3, v * 3 + 3)));
    const outer = radii(hollow.positions).filter((radius) => radius > 0.345);
    expect(radii(solid.positions).toSorted()).toEqual(outer.toSorted());
  });

  it('keeps real cavities', () => {
    const shell = subtract(sphere(0.42), sphere(0.2));
    const mesh = extractSurface(voxelize(shell, { resolution }));
    expect(labelComponents(mesh).count).toBe(2);
    expect(inspectTopology(mesh).volume).toBeCloseTo((4 / 3) * Math.PI * (0.42 ** 3 - 0.2 ** 3), 2);
  });

  it.each([1, 2, 3])('closes a hole of %i voxels in the active band', (width) => {
    const reach = width / 2 / resolution;
    const voxels = voxelize(sphere(0.35), {
      resolution,
      isHole: (x, y, z) => z > 0 && Math.abs(x) < reach && Math.abs(y) < reach,
    });
    const mesh = extractSurface(voxels);
    const topology = inspectTopology(mesh);
    expect(topology).toMatchObject({ watertight: true, components: 1 });
    expect(topology.volume).toBeCloseTo((4 / 3) * Math.PI * 0.35 ** 3, 2);
  });

  it('keeps solids apart from the outside that reach the rim of the grid', () => {
    const mesh = extractSurface(voxelize(box([0.6, 0.2, 0.2]), { resolution }));
    for (const value of mesh.positions) expect(Number.isFinite(value)).toBe(true);
    expect(mesh.indices.length).toBeGreaterThan(0);
  });
});

describe('extractSurface on bad input', () => {
  const voxels = voxelize(sphere(0.3), { resolution: 16 });

  it('gives a mesh without faces where nothing changes sign', () => {
    const mesh = extractSurface({ coords: new Int32Array(0), features: new Float32Array(0), resolution: 16 });
    expect(mesh.indices.length).toBe(0);
  });

  it.each([
    ['a voxel outside the grid', { ...voxels, resolution: 8 }],
    ['features of another count', { ...voxels, features: voxels.features.subarray(101) }],
    [
      'a voxel given twice',
      { ...voxels, coords: voxels.coords.map((v, i) => (i < 3 ? (voxels.coords[i + 3] ?? v) : v)) },
    ],
    ['a resolution of zero', { ...voxels, resolution: 0 }],
  ])('refuses %s', (_, bad) => {
    expect(() => extractSurface(bad)).toThrow(expect.objectContaining({ code: 'VOXELS_INVALID' }));
  });

  it('refuses values that are no numbers', () => {
    const features = voxels.features.map((v, i) => (i % 101 >= 8 && i % 101 < 32 ? Number.NaN : v));
    expect(() => extractSurface({ ...voxels, features })).toThrow(
      expect.objectContaining({ code: 'SURFACE_NOT_FINITE' }),
    );
  });

  it('stops when the signal is aborted from the progress callback', () => {
    const controller = new AbortController();
    const run = () =>
      extractSurface({
        ...voxels,
        signal: controller.signal,
        onProgress: (share) => share > 0.3 && controller.abort(),
      });
    expect(run).toThrow(CancelledError);
  });
});

describe('cube cases', () => {
  it('crosses in every pattern exactly the edges whose ends differ', () => {
    CUBE_CASES.forEach(({ vertices }, pattern) => {
      const crossed = vertices.flat().toSorted((a, b) => a - b);
      const opposite = (CUBE_CASES[255 - pattern]?.vertices.flat() ?? []).toSorted((a, b) => a - b);
      expect(crossed).toEqual(opposite);
      expect(new Set(crossed).size).toBe(crossed.length);
    });
  });

  it('has the 36 patterns of the isosurface cases 16 and 19 marked as ambiguous', () => {
    expect(CUBE_CASES.filter((cubeCase) => cubeCase.ambiguousStep !== undefined)).toHaveLength(36);
  });
});
