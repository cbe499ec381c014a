/** Whatever a decoder may give: the finish ends in a result or in a clear error, within its budgets. */
import { TerminalError } from '@espalier/contracts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sphere, voxelize } from '../../test/shapes.ts';
import { bake } from '../bake/bake.ts';
import { bakeDetail, bakeTarget } from '../bake/bake-plan.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { exportGlb } from '../gltf/export-glb.ts';
import { validateGlb } from '../gltf/validate-glb.ts';
import { faceCount, type RawMesh } from '../mesh/mesh.ts';
import { inspectTopology } from '../mesh/topology.ts';
import { unwrap } from '../unwrap/unwrap.ts';
import { cleanSurface } from './clean-surface.ts';

const BUDGET = 8000;

/** The whole finish; gives the GLB's findings, or the code of the error that ended it. */
async function finish(raw: RawMesh, maxFaces = BUDGET): Promise<{ errors: number; faces: number } | string> {
  try {
    const { mesh, clean } = await cleanSurface(raw, { simplify: 0.5, maxFaces });
    expect(inspectTopology(mesh).manifold).toBe(true);
    const { mesh: unwrapped } = await unwrap(mesh, { textureSize: 128, maxXatlasFaces: 500, timeBudgetSeconds: 1 });
    const target = bakeTarget(mesh, unwrapped, 128);
    const { normals, tangents } = target;
    const images = bake({ target, detail: bakeDetail(clean) });
    const { errors } = await validateGlb(await exportGlb({ mesh: { ...unwrapped, normals, tangents, ...images } }));
    return { errors, faces: faceCount(mesh) };
  } catch (error) {
    if (error instanceof TerminalError) return error.code;
    throw error;
  }
}

const coordinate = fc.oneof(
  { weight: 8, arbitrary: fc.float({ min: -0.5, max: 0.5, noNaN: true }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0.25, Number.NaN, Infinity, -Infinity, 1e30, 1e-38) },
);
const soup: fc.Arbitrary<RawMesh> = fc.integer({ min: 1, max: 60 }).chain((vertices) =>
  fc.record({
    positions: fc
      .array(coordinate, { minLength: vertices * 3, maxLength: vertices * 3 })
      .map((v) => Float32Array.from(v)),
    attributes: fc
      .array(fc.constantFrom(0, 0.5, 1, Number.NaN, 7), { minLength: vertices * 6, maxLength: vertices * 6 })
      .map((v) => Float32Array.from(v)),
    // Beyond the vertices, too.
    indices: fc
      .array(fc.integer({ min: 0, max: vertices + 1 }), { minLength: 0, maxLength: 360 })
      .map((v) => Uint32Array.from(v.slice(0, v.length - (v.length % 3)))),
  }),
);

describe('the finish of broken meshes', { timeout: 300_000 }, () => {
  it('ends in a valid file or in a clear error, whatever the faces are', async () => {
    const ends = new Set<string>();
    await fc.assert(
      fc.asyncProperty(soup, async (raw) => {
        const end = await finish(raw);
        ends.add(typeof end === 'string' ? end : 'made');
        if (typeof end === 'string') expect(end).toBe('MESH_EMPTY');
        else expect(end.errors).toBe(0);
      }),
      { numRuns: 40, seed: 20, endOnFailure: true },
    );
    // Both ends were met, or the test tests nothing.
    expect([...ends].toSorted()).toEqual(['MESH_EMPTY', 'made']);
  });

  it('keeps to the face budget with thousands of pieces', async () => {
    const end = await finish(balls(3000), 20_000);
    expect(end).toMatchObject({ errors: 0 });
  });

  it('takes two million faces', async () => {
    const end = await finish(sheet(1000), BUDGET);
    expect(end).toMatchObject({ errors: 0 });
    if (typeof end !== 'string') expect(end.faces).toBeLessThanOrEqual(BUDGET);
  });

  it('takes surfaces that pass through themselves and each other', async () => {
    const ball = extractSurface(voxelize(sphere(0.3), { resolution: 24 }));
    const twisted = ball.positions.map((v, i, all) => {
      const [x, y] = [all[i - (i % 3)] as number, all[i - (i % 3) + 1] as number];
      return i % 3 === 0 ? x * Math.cos(14 * y) : v;
    });
    expect(await finish({ ...ball, positions: twisted })).toMatchObject({ errors: 0 });
  });
});

/** Octahedra in a cube, every one a piece of its own. */
function balls(count: number): RawMesh {
  const side = Math.ceil(Math.cbrt(count));
  const corners = [
    [1, 0, 0],
    [-1, 0, 0],
    [0, 1, 0],
    [0, -1, 0],
    [0, 0, 1],
    [0, 0, -1],
  ];
  const faces = [0, 2, 4, 2, 1, 4, 1, 3, 4, 3, 0, 4, 2, 0, 5, 1, 2, 5, 3, 1, 5, 0, 3, 5];
  const positions = new Float32Array(count * 18);
  for (let i = 0; i < count; i++) {
    const at = [i % side, Math.floor(i / side) % side, Math.floor(i / side / side)];
    corners.forEach((corner, c) => {
      corner.forEach((v, k) => {
        positions[i * 18 + c * 3 + k] = ((at[k] as number) + 0.5) / side - 0.5 + (0.4 / side) * v;
      });
    });
  }
  const indices = Uint32Array.from(
    { length: count * 24 },
    (_, i) => (faces[i % 24] as number) + Math.floor(i / 24) * 6,
  );
  return { positions, attributes: new Float32Array(count * 36).fill(0.5), indices };
}

/** A waving sheet of side * side cells, open all around: two faces each. */
function sheet(side: number): RawMesh {
  const row = side + 1;
  const positions = new Float32Array(row * row * 3);
  for (let i = 0; i < row * row; i++) {
    const [x, y] = [(i % row) / side - 0.5, Math.floor(i / row) / side - 0.5];
    positions.set([x, y, 0.1 * Math.sin(12 * x) * Math.cos(9 * y)], i * 3);
  }
  const indices = new Uint32Array(side * side * 6);
  for (let cell = 0; cell < side * side; cell++) {
    const a = Math.floor(cell / side) * row + (cell % side);
    indices.set([a, a + 1, a + row + 1, a, a + row + 1, a + row], cell * 6);
  }
  return { positions, attributes: new Float32Array(row * row * 6).fill(0.5), indices };
}
