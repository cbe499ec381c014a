import { CancelledError } from '@espalier/contracts';
import { describe, expect, it } from 'vitest';
import { box, sphere, subtract, torus, union, voxelize } from '../../test/shapes.ts';
import { extractSurface } from '../flexicubes/extract-surface.ts';
import { dropUnusedVertices, filterFaces } from '../mesh/compact.ts';
import { faceCount, type RawMesh } from '../mesh/mesh.ts';
import { inspectTopology } from '../mesh/topology.ts';
import { faceCells } from '../spatial/face-cells.ts';
import { cleanSurface } from './clean-surface.ts';
import { fillHoles } from './fill-holes.ts';
import { askSuspects, emptyAnswers, findSuspects, hiddenFaces } from './hidden-faces.ts';
import { look, planLooks } from './looks.ts';
import { removeSpecks } from './specks.ts';
import { splitNonManifold } from './split-non-manifold.ts';

const resolution = 40;
const ball = extractSurface(voxelize(sphere(0.35), { resolution, color: (x) => [x + 0.5, 0.5, 0.5] }));
const ballVolume = (4 / 3) * Math.PI * 0.35 ** 3;

/** The mesh without the faces whose first corner satisfies the test. */
function without(mesh: RawMesh, isGone: (x: number, y: number, z: number) => boolean): RawMesh {
  const at = (face: number, k: number) => mesh.positions[(mesh.indices[face * 3] as number) * 3 + k] as number;
  return dropUnusedVertices(
    mesh,
    filterFaces(mesh.indices, (face) => !isGone(at(face, 0), at(face, 1), at(face, 2))),
  );
}

function merge(...meshes: readonly RawMesh[]): RawMesh {
  const offsets = meshes.map((_, i) => meshes.slice(0, i).reduce((sum, mesh) => sum + mesh.positions.length / 3, 0));
  return {
    positions: Float32Array.from(meshes.flatMap((mesh) => [...mesh.positions])),
    attributes: Float32Array.from(meshes.flatMap((mesh) => [...mesh.attributes])),
    indices: Uint32Array.from(meshes.flatMap((mesh, i) => [...mesh.indices].map((v) => v + (offsets[i] as number)))),
  };
}

/** As two threads would do it, one after the other; both keep to one count of views, and of rays. */
function removeHiddenFaces(mesh: RawMesh): { indices: Uint32Array; removed: number } {
  const plan = planLooks(mesh, inspectTopology(mesh).watertight);
  const [seen, next] = [new Uint8Array(faceCount(mesh)), new Int32Array(1)];
  look(mesh, plan, seen, next);
  look(mesh, plan, seen, next);
  const suspects = findSuspects(mesh, seen, plan.area);
  const [answers, cells] = [emptyAnswers(suspects), faceCells(mesh)];
  askSuspects(mesh, cells, suspects, answers);
  askSuspects(mesh, cells, suspects, answers);
  const isHidden = hiddenFaces(faceCount(mesh), suspects, answers);
  if (isHidden === undefined) return { indices: mesh.indices, removed: 0 };
  const indices = filterFaces(mesh.indices, (face) => isHidden[face] === 0);
  return { indices, removed: faceCount(mesh) - indices.length / 3 };
}

describe('hiddenFaces', () => {
  it('takes an inner shell away and leaves every outer face', () => {
    const hollow = extractSurface({ ...voxelize(sphere(0.35), { resolution }), fillEnclosed: false });
    const { indices, removed } = removeHiddenFaces(hollow);
    expect(indices.length / 3).toBe(faceCount(ball));
    expect(removed).toBe(faceCount(hollow) - faceCount(ball));
  });

  it('keeps thin outer parts and both sides of a cup', () => {
    const cup = subtract(sphere(0.4), box([0.25, 0.25, 0.5], [0, 0, 0.35]));
    const plate = box([0.45, 0.02, 0.3]);
    for (const shape of [cup, plate]) {
      const mesh = extractSurface(voxelize(shape, { resolution }));
      expect(removeHiddenFaces(mesh).removed).toBe(0);
    }
  });

  it('takes the inside of a closed room away although it joins the outside nowhere', () => {
    const room = extractSurface(voxelize(subtract(box([0.4, 0.4, 0.4]), box([0.3, 0.3, 0.3])), { resolution }));
    const { indices } = removeHiddenFaces(room);
    const { volume, watertight } = inspectTopology({ ...room, indices });
    expect(watertight).toBe(true);
    expect(volume).toBeCloseTo(0.512, 1);
  });
});

describe('removeSpecks', () => {
  it('takes crumbs and leaves long thin pieces', () => {
    const crumb = extractSurface(voxelize(sphere(0.04), { resolution }));
    const tiny = { ...crumb, positions: crumb.positions.map((v) => v * 0.1 + 0.45) };
    const needle = { ...crumb, positions: crumb.positions.map((v, i) => (i % 3 === 0 ? v * 5 : v * 0.1 + 0.4)) };
    const { indices, removed } = removeSpecks(merge(ball, tiny, needle));
    expect(removed).toBe(faceCount(tiny));
    expect(indices.length / 3).toBe(faceCount(ball) + faceCount(needle));
  });
});

describe('fillHoles', () => {
  it.each([
    ['a small', 0.33],
    ['a large', 0.2],
  ])('closes %s hole smoothly and outward', (_, height) => {
    const open = without(ball, (_x, _y, z) => z > height);
    const { mesh, closed, left } = fillHoles(open);
    expect([closed, left]).toEqual([1, 0]);
    expect(inspectTopology(mesh)).toMatchObject({ watertight: true, manifold: true, components: 1 });
    const cap = mesh.positions.subarray(open.positions.length);
    expect(cap.length).toBeGreaterThan(0);
    for (let i = 2; i < cap.length; i += 3) expect(cap[i]).toBeCloseTo(height, 1);
    for (let v = open.positions.length / 3; v < mesh.positions.length / 3; v++) {
      expect(Math.abs((mesh.attributes[v * 6] as number) - ((mesh.positions[v * 3] as number) + 0.5))).toBeLessThan(
        0.05,
      );
    }
  });

  it('leaves holes above the limit open', () => {
    const open = without(ball, (_x, _y, z) => z > 0.2 || z < -0.34);
    const { mesh, closed, left } = fillHoles(open, { maxSize: 0.3 });
    expect([closed, left]).toEqual([1, 1]);
    expect(inspectTopology(mesh).boundaryEdges).toBeGreaterThan(0);
  });

  it('closes a rim of many hundred edges', () => {
    const fine = extractSurface(voxelize(sphere(0.45), { resolution: 96 }));
    const { mesh } = fillHoles(without(fine, (_x, _y, z) => z > 0));
    expect(inspectTopology(mesh)).toMatchObject({ watertight: true, manifold: true });
  });
});

describe('splitNonManifold', () => {
  it('separates two boxes that share an edge', () => {
    const cube = (dx: number, dy: number) =>
      [0, 1, 2, 3, 4, 5, 6, 7].flatMap((c) => [(c & 1) + dx, ((c >> 1) & 1) + dy, c >> 2]);
    const faces = [
      0, 2, 1, 1, 2, 3, 4, 5, 6, 5, 7, 6, 0, 1, 4, 1, 5, 4, 2, 6, 3, 3, 6, 7, 0, 4, 2, 2, 4, 6, 1, 3, 5, 3, 7, 5,
    ];
    // Corner 3 and 7 of the first box are corner 0 and 4 of the second.
    const second = faces.map((v) => (v === 0 ? 3 : v === 4 ? 7 : v + 8));
    const mesh: RawMesh = {
      positions: Float32Array.from([...cube(0, 0), ...cube(1, 1)]),
      attributes: new Float32Array(16 * 6),
      indices: Uint32Array.from([...faces, ...second]),
    };
    const joined = dropUnusedVertices(mesh);
    expect(inspectTopology(joined)).toMatchObject({ manifold: false, components: 1 });
    const split = splitNonManifold(joined);
    expect(inspectTopology(split)).toMatchObject({ manifold: true, watertight: true, components: 2, volume: 2 });
  });

  it('leaves a manifold mesh as it is', () => {
    expect(splitNonManifold(ball)).toBe(ball);
  });
});

describe('cleanSurface', () => {
  it('makes one closed manifold surface of walls that noise has joined', async () => {
    const shape = union(torus(0.3, 0.12), box([0.15, 0.15, 0.3]));
    const raw = extractSurface({ ...voxelize(shape, { resolution: 64, noise: 0.35 }), fillEnclosed: false });
    const solid = extractSurface(voxelize(shape, { resolution: 64 }));
    const { mesh, clean, report } = await cleanSurface(raw, { simplify: 0.9 });
    expect(inspectTopology(clean)).toMatchObject({ watertight: true, manifold: true });
    expect(inspectTopology(mesh)).toMatchObject({ watertight: true, manifold: true });
    expect(inspectTopology(clean).volume / inspectTopology(solid).volume).toBeGreaterThan(0.95);
    expect(report.hiddenFaces).toBeGreaterThan(faceCount(raw) / 4);
    expect(report.cleanFaces).toBe(faceCount(clean));
    expect(Math.abs(report.facesOut - report.cleanFaces * 0.1)).toBeLessThan(report.cleanFaces * 0.005);
  });

  it('gives the same mesh every time', async () => {
    const [one, two] = [await cleanSurface(ball, { simplify: 0.9 }), await cleanSurface(ball, { simplify: 0.9 })];
    expect(one).toEqual(two);
  });

  it('stops when cancelled', async () => {
    const controller = new AbortController();
    const onProgress = (share: number) => share > 0.3 && controller.abort();
    await expect(cleanSurface(ball, { simplify: 0.5, signal: controller.signal, onProgress })).rejects.toThrow(
      CancelledError,
    );
  });

  it.each([
    [
      'corners that are no numbers',
      { ...ball, positions: ball.positions.map((v, i) => (i % 97 === 0 ? Number.NaN : v)) },
    ],
    ['corners that do not exist', { ...ball, indices: ball.indices.map((v, i) => (i % 301 === 0 ? 1e6 : v)) }],
    ['colours that are no numbers', { ...ball, attributes: ball.attributes.map(() => Number.NaN) }],
    ['faces without area', { ...ball, positions: ball.positions.map((v, i) => (i % 3 === 2 ? 0 : v)) }],
    ['every face twice', { ...ball, indices: Uint32Array.from([...ball.indices, ...ball.indices]) }],
    [
      'faces wound at random',
      {
        ...ball,
        indices: ball.indices.map((v, i, all) =>
          i % 30 === 1 ? (all[i + 1] as number) : i % 30 === 2 ? (all[i - 1] as number) : v,
        ),
      },
    ],
    ['a single face', { ...ball, indices: ball.indices.slice(0, 3) }],
    ['thousands of loose triangles', soup(1000)],
  ])('survives %s', async (_, broken) => {
    const { mesh } = await cleanSurface(broken, { simplify: 0.5 });
    expect(faceCount(mesh)).toBeGreaterThan(0);
    expect(inspectTopology(mesh).manifold).toBe(true);
    for (const value of mesh.positions) expect(Number.isFinite(value)).toBe(true);
    for (const value of mesh.attributes) expect(Number.isFinite(value)).toBe(true);
  });

  it('refuses a mesh without a usable face', async () => {
    const flat = { ...ball, positions: ball.positions.map(() => Number.NaN) };
    await expect(cleanSurface(flat, { simplify: 0.5 })).rejects.toMatchObject({ code: 'MESH_EMPTY' });
  });

  it('keeps the whole volume of a solid', async () => {
    const { mesh } = await cleanSurface(ball, { simplify: 0.5 });
    expect(inspectTopology(mesh).volume / ballVolume).toBeGreaterThan(0.98);
  });
});

function soup(faces: number): RawMesh {
  return {
    positions: Float32Array.from({ length: faces * 9 }, (_, i) => Math.sin(i * 12.9898) * 0.4),
    attributes: new Float32Array(faces * 18).fill(0.5),
    indices: Uint32Array.from({ length: faces * 3 }, (_, i) => i),
  };
}
