import { describe, expect, it } from 'vitest';
import { box, sphere, torus, union, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { faceCount, type RawMesh } from '../mesh/mesh.ts';
import { boundsOf, inspectTopology } from '../mesh/topology.ts';
import { sphereDirections, viewOf } from '../raster/camera.ts';
import { rasterize } from '../raster/visibility.ts';
import { TriangleBvh } from '../spatial/triangle-bvh.ts';
import { anchorPieces } from './anchor-pieces.ts';
import { holdBack } from './hold-back.ts';
import { findNearest } from './nearest-points.ts';
import { endRefining, refineStep, refineVertices, startRefining } from './refine-vertices.ts';
import { collapseEdges, SILHOUETTE_TOLERANCE, simplify } from './simplify.ts';

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

  it('keeps the silhouette within its tolerance at 1, from every side', async () => {
    const shape = union(torus(0.3, 0.08), box([0.05, 0.05, 0.4]), sphere(0.12, [0.2, 0.2, 0.2]));
    const fine = extractSurface(voxelize(shape, { resolution: 64 }));
    const { mesh } = await simplify(fine, { simplify: 1 });
    expect(faceCount(mesh)).toBeLessThan(faceCount(fine) / 10);
    const { min, max } = boundsOf(fine.positions);
    const extent = Math.max(...min.map((low, k) => (max[k] as number) - low));
    const size = 400;
    const pixels = Math.ceil((SILHOUETTE_TOLERANCE * extent * size) / 1.2) + 1;
    for (const direction of sphereDirections(14)) {
      const view = viewOf({
        eye: direction.map((v) => 2 * v) as [number, number, number],
        target: [0, 0, 0],
        up: [0, 0, 1],
        halfHeight: 0.6,
      });
      const [before, after] = [fine, mesh].map((m) => rasterize(m, view, size, size).face.map((f) => (f < 0 ? 0 : 1)));
      expect(farthestDifference(before as Int32Array, after as Int32Array, size, pixels)).toBe(0);
    }
  });

  it('takes a number of faces, and a limit that wins over the share', async () => {
    expect(faceCount((await simplify(raw, { targetFaces: 500 })).mesh)).toBeLessThanOrEqual(500);
    expect(faceCount((await simplify(raw, { simplify: 0, maxFaces: 800 })).mesh)).toBeLessThanOrEqual(800);
    expect(faceCount((await simplify(raw, { simplify: 1, maxFaces: 60 })).mesh)).toBeLessThanOrEqual(60);
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

/** Pixels that differ and have no pixel alike in the other picture within `reach`. */
function farthestDifference(a: Int32Array, b: Int32Array, size: number, reach: number): number {
  let far = 0;
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const value = a[y * size + x];
      if (value === b[y * size + x]) continue;
      let isNear = false;
      for (let dy = -reach; dy <= reach && !isNear; dy++) {
        for (let dx = -reach; dx <= reach && !isNear; dx++) {
          isNear = dx * dx + dy * dy <= reach * reach && b[(y + dy) * size + x + dx] === value;
        }
      }
      if (!isNear) far++;
    }
  }
  return far;
}

describe('anchorPieces', () => {
  /** The ring, and icospheres of 80 faces in a row above it. */
  function withBeads(count: number): RawMesh {
    const bead = icosphere(0.01, 1);
    const [positions, indices] = [[...raw.positions], [...raw.indices]];
    for (let i = 0; i < count; i++) {
      const first = positions.length / 3;
      positions.push(...bead.positions.map((v, k) => v + (k % 3 === 0 ? (i % 20) / 21 - 0.45 : 0.4)));
      indices.push(...[...bead.indices].map((v) => v + first));
    }
    return {
      positions: Float32Array.from(positions),
      attributes: new Float32Array(positions.length * 2).fill(0.5),
      indices: Uint32Array.from(indices),
    };
  }

  it('lets no piece vanish, however much goes', async () => {
    const beads = withBeads(6);
    const { mesh } = await simplify(beads, { targetFaces: 300 });
    expect(faceCount(mesh)).toBeLessThanOrEqual(300);
    expect(inspectTopology(mesh)).toMatchObject({ watertight: true, manifold: true, components: 7 });
    expect(anchorPieces(beads, 300)?.reduce((sum, value) => sum + value, 0)).toBe(6 * 4);
  });

  it('gives them up when they would take the faces from all else', async () => {
    const beads = withBeads(20);
    expect(anchorPieces(beads, 300)).toBeUndefined();
    expect(faceCount((await simplify(beads, { targetFaces: 300 })).mesh)).toBeLessThanOrEqual(300);
    expect(anchorPieces(raw, 300)).toBeUndefined();
  });
});

describe('holdBack', () => {
  it('takes back what left the surface, and nothing else', () => {
    const ball = extractSurface(voxelize(sphere(0.4), { resolution: 64 }));
    const { positions: before, indices } = icosphere(0.4, 4);
    const moved = before.map((v, i) => v * (i < 3 ? 1.1 : 1.0005));
    const held = holdBack({ positions: moved, indices }, before, ball, 0.004);
    expect(held.subarray(0, 3)).toEqual(before.subarray(0, 3));
    // Corners of the six faces around it may have gone back, too; the others are where they were brought.
    const kept = held.filter((v, i) => v === moved[i]).length;
    expect(kept).toBeGreaterThan(held.length * 0.95);
    expect(kept).toBeLessThan(held.length);
    const farthest = farthestFrom(ball);
    expect(farthest(moved)).toBeGreaterThan(0.03);
    expect(farthest(held)).toBeLessThan(0.004);
  });
});

describe('refineVertices', () => {
  it('brings no face further from the original than the collapses did', async () => {
    // Creases: where planes of many directions meet, least squares alone throws corners off the surface.
    const shape = union(
      box([0.35, 0.2, 0.1]),
      box([0.05, 0.26, 0.16], [-0.2, 0, 0]),
      box([0.05, 0.26, 0.16], [0.2, 0, 0]),
    );
    const fine = extractSurface(voxelize(shape, { resolution: 96, noise: 0.1 }));
    const { mesh: start } = await collapseEdges(fine, { simplify: 0.9 });
    let refining = startRefining(start, fine);
    for (let round = 0; round < 2; round++) {
      findNearest(refining.tree, refining.nearest, new Int32Array(1));
      refining = refineStep(refining);
    }
    const farthest = farthestFrom(fine);
    const allowed = Math.max(refining.limit, farthest(start.positions));
    expect(farthest(refining.mesh.positions)).toBeGreaterThan(allowed * 1.1);
    const refined = refineVertices(start, fine);
    expect(refined).toEqual(endRefining(refining, fine));
    expect(farthest(refined)).toBeLessThanOrEqual(allowed);
  });

  it('brings a coarse sphere back to the sphere it was made from, and leaves rims where they are', async () => {
    const ball = extractSurface(voxelize(sphere(0.4), { resolution: 64 }));
    // Between the corners that lie on the sphere its faces cut inside.
    const coarse = icosphere(0.4, 2);
    const error = (positions: Float32Array) => {
      const tree = TriangleBvh.of({ positions, indices: coarse.indices });
      let sum = 0;
      for (let i = 0; i < ball.positions.length; i += 3) {
        const [x, y, z] = ball.positions.subarray(i, i + 3) as unknown as [number, number, number];
        sum += tree.closestPoint(x, y, z).distance;
      }
      return sum / (ball.positions.length / 3);
    };
    const refined = refineVertices(coarse, ball);
    expect(error(refined)).toBeLessThan(error(coarse.positions) * 0.6);
    const open = { ...coarse, indices: coarse.indices.slice(0, -3) };
    const rim = coarse.indices.slice(-3);
    const held = refineVertices(open, ball);
    for (const v of rim) expect(held.subarray(v * 3, v * 3 + 3)).toEqual(coarse.positions.subarray(v * 3, v * 3 + 3));
  });

  it('moves nothing that fits, and survives faces without area', () => {
    expect(
      Math.max(...refineVertices(raw, raw).map((v, i) => Math.abs(v - (raw.positions[i] as number)))),
    ).toBeLessThan(1e-6);
    const flat = { positions: new Float32Array(9), indices: Uint32Array.of(0, 1, 2) };
    expect([...refineVertices(flat, raw)].every(Number.isFinite)).toBe(true);
  });
});

/** An octahedron whose faces were cut in four, `cuts` times, all corners on the sphere. */
function icosphere(radius: number, cuts: number): { positions: Float32Array; indices: Uint32Array } {
  let corners: number[][] = [
    [1, 0, 0],
    [-1, 0, 0],
    [0, 1, 0],
    [0, -1, 0],
    [0, 0, 1],
    [0, 0, -1],
  ];
  let faces = [
    [0, 2, 4],
    [2, 1, 4],
    [1, 3, 4],
    [3, 0, 4],
    [2, 0, 5],
    [1, 2, 5],
    [3, 1, 5],
    [0, 3, 5],
  ];
  for (let cut = 0; cut < cuts; cut++) {
    const middles = new Map<string, number>();
    corners = [...corners];
    const middle = (a: number, b: number): number => {
      const key = `${Math.min(a, b)} ${Math.max(a, b)}`;
      const known = middles.get(key);
      if (known !== undefined) return known;
      const sum = (corners[a] as number[]).map((v, k) => v + ((corners[b] as number[])[k] as number));
      middles.set(key, corners.push(sum.map((v) => v / Math.hypot(...sum))) - 1);
      return corners.length - 1;
    };
    faces = faces.flatMap(([a = 0, b = 0, c = 0]) => {
      const [ab, bc, ca] = [middle(a, b), middle(b, c), middle(c, a)];
      return [
        [a, ab, ca],
        [b, bc, ab],
        [c, ca, bc],
        [ab, bc, ca],
      ];
    });
  }
  return {
    positions: Float32Array.from(corners.flat().map((v) => v * radius)),
    indices: Uint32Array.from(faces.flat()),
  };
}

/** Largest distance of vertices from a surface. */
function farthestFrom(surface: Parameters<typeof TriangleBvh.of>[0]): (positions: Float32Array) => number {
  const tree = TriangleBvh.of(surface);
  return (positions) => {
    let far = 0;
    for (let i = 0; i < positions.length; i += 3) {
      const [x, y, z] = positions.subarray(i, i + 3) as unknown as [number, number, number];
      far = Math.max(far, tree.closestPoint(x, y, z).distance);
    }
    return far;
  };
}
