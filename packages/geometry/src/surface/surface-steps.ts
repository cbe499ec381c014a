/**
 * The steps of the surface stage, each a function of plain data: they can run in any thread, and what they give lies
 * in memory that threads share. `cleanSurface` puts them together.
 */

import { TerminalError } from '@espalier/contracts';
import { checkpoint, type Interruptible } from '../interruptible.ts';
import { dropDegenerateFaces, dropUnusedVertices, filterFaces, weldBoundaries } from '../mesh/compact.ts';
import { isClosed, keptTwins, twinHalfEdges } from '../mesh/half-edges.ts';
import { faceCount, type RawMesh, type TriangleMesh } from '../mesh/mesh.ts';
import { boundsOf, type Components } from '../mesh/topology.ts';
import { shareArrays } from '../shared-arrays.ts';
import { type FaceCells, faceCells } from '../spatial/face-cells.ts';
import { dropBrokenFaces } from './broken-faces.ts';
import { fillHoles } from './fill-holes.ts';
import { askSuspects, findSuspects, hiddenFaces, type RayAnswers, type Suspects } from './hidden-faces.ts';
import { type LookPlan, look, planLooks } from './looks.ts';
import { findNearest } from './nearest-points.ts';
import { endRefining, type Refining, refineStep, startRefining } from './refine-vertices.ts';
import { collapseEdges, type SimplifyOptions } from './simplify.ts';
import { removeSpecks } from './specks.ts';
import { splitNonManifold } from './split-non-manifold.ts';

export interface RepairedSurface {
  readonly mesh: RawMesh;
  /** What `twinHalfEdges` gives of the mesh where it is closed; undefined where it is not. */
  readonly twins: Int32Array | undefined;
  readonly brokenFaces: number;
  readonly holesClosed: number;
  readonly holesLeft: number;
  /** Holes up to this box diagonal are closed, world units. */
  readonly maxHoleSize: number;
  /** How its hidden faces are found. */
  readonly looks: LookPlan;
}

/** Drops broken, degenerate and doubled faces, welds cracks, separates sheets that only touch, closes holes. */
function repair({ raw, maxHoleShare }: { raw: RawMesh; maxHoleShare: number }, options: Interruptible) {
  const sound = dropBrokenFaces(raw);
  const faces = dropUnusedVertices(dropDegenerateFaces(sound));
  if (faceCount(faces) === 0) throw emptyMesh();
  checkpoint(options, 0.5);
  const { min, max } = boundsOf(faces.positions);
  const maxHoleSize = Math.max(...min.map((low, k) => (max[k] as number) - low)) * maxHoleShare;
  const twins = closedTwins(twinHalfEdges(faces));
  // Giving sheets vertices of their own leaves all half edges with the twins that they have.
  const whole = twins === undefined ? splitNonManifold(weldBoundaries(faces)) : splitNonManifold(faces, twins);
  const { mesh, closed, left } =
    twins === undefined
      ? fillHoles(whole, { maxSize: maxHoleSize, signal: options.signal })
      : { mesh: whole, closed: 0, left: 0 };
  return shareArrays<RepairedSurface>({
    mesh,
    twins,
    brokenFaces: faceCount(raw) - faceCount(sound),
    holesClosed: closed,
    holesLeft: left,
    maxHoleSize,
    looks: planLooks(mesh, left === 0),
  });
}

function closedTwins(twins: Int32Array): Int32Array | undefined {
  return isClosed(twins) ? twins : undefined;
}

export interface SeenTask {
  readonly repaired: RepairedSurface;
  /** [F] in shared memory: 1 for faces that a view showed. */
  readonly seen: Uint8Array;
  /** Number of the next view, counted up by all threads that look. */
  readonly next: Int32Array;
}

function see({ repaired: { mesh, looks }, seen, next }: SeenTask, options: Interruptible): void {
  look(mesh, looks, seen, next, options);
}

/** Patches that no view showed, and that may be more than crevices. */
function suspect({ repaired, seen }: Omit<SeenTask, 'next'>): Suspects {
  const { mesh, twins, looks } = repaired;
  return shareArrays(findSuspects(mesh, seen, looks.area, twins));
}

function cells({ positions, indices }: TriangleMesh): FaceCells {
  return shareArrays(faceCells({ positions, indices }));
}

export interface AskTask {
  readonly mesh: TriangleMesh;
  readonly cells: FaceCells;
  readonly suspects: Suspects;
  /** Filled by all threads that ask. */
  readonly answers: RayAnswers;
}

function ask({ mesh, cells, suspects, answers }: AskTask, { signal }: Interruptible): void {
  askSuspects(mesh, cells, suspects, answers, { signal });
}

export interface CleanedSurface {
  readonly mesh: RawMesh;
  readonly pieces: Components;
  readonly hiddenFaces: number;
  readonly speckFaces: number;
  readonly holesClosed: number;
  readonly holesLeft: number;
}

export interface CleanTask {
  readonly repaired: RepairedSurface;
  readonly suspects: Suspects;
  /** Undefined where nobody was asked. */
  readonly answers: RayAnswers | undefined;
}

/** Removes what cannot be seen and what is only a speck, closes what that opened. */
function clean({ repaired, suspects, answers }: CleanTask, { signal }: Interruptible): CleanedSurface {
  const { mesh, holesLeft, maxHoleSize } = repaired;
  const isHidden = answers && hiddenFaces(faceCount(mesh), suspects, answers);
  const indices = isHidden ? filterFaces(mesh.indices, (face) => isHidden[face] === 0) : mesh.indices;
  const hidden = (mesh.indices.length - indices.length) / 3;
  const visible = { ...mesh, indices };
  // Where both are closed, whole pieces went, and each vertex keeps all of its faces or none.
  const twins = repaired.twins && closedTwins(isHidden ? keptTwins(repaired.twins, isHidden) : repaired.twins);
  // Rims that the removal made were closed before, so they are closed whatever their size.
  const isOpened = hidden > 0 && holesLeft === 0;
  const closed =
    twins === undefined
      ? fillHoles(dropUnusedVertices(visible), isOpened ? { signal } : { maxSize: maxHoleSize, signal })
      : { mesh: visible, closed: 0, left: 0 };
  const separated = twins === undefined ? splitNonManifold(closed.mesh) : visible;
  const specks = removeSpecks(separated);
  const cleaned = dropUnusedVertices(separated, specks.indices);
  if (faceCount(cleaned) === 0) throw emptyMesh();
  return shareArrays({
    mesh: cleaned,
    pieces: specks.pieces,
    hiddenFaces: hidden,
    speckFaces: specks.removed,
    holesClosed: closed.closed,
    holesLeft: closed.left,
  });
}

export interface CollapsedSurface {
  readonly mesh: RawMesh;
  /** World units. */
  readonly error: number;
  /** Absent when there was nothing to simplify. */
  readonly refining: Refining | undefined;
}

export interface CollapseTask {
  readonly mesh: RawMesh;
  readonly pieces: Components;
  readonly options: SimplifyOptions;
}

async function collapse({ mesh, pieces, options }: CollapseTask): Promise<CollapsedSurface> {
  const collapsed = await collapseEdges(mesh, options, pieces);
  if (collapsed.mesh === mesh) return { mesh, error: 0, refining: undefined };
  const { positions, indices, attributes } = shareArrays(collapsed.mesh);
  const start = { positions, indices };
  return { mesh: { ...start, attributes }, error: collapsed.error, refining: shareArrays(startRefining(start, mesh)) };
}

export interface NearestTask {
  readonly refining: Refining;
  /** Number of the next band, counted up by all threads that search. */
  readonly next: Int32Array;
}

function nearest({ refining, next }: NearestTask): void {
  findNearest(refining.tree, refining.nearest, next);
}

function fit(refining: Refining): Refining {
  return shareArrays(refineStep(refining));
}

/** The simplified mesh with its vertices where they fit best, manifold. */
function settle({
  collapsed,
  refining,
  clean,
  cells,
}: {
  collapsed: RawMesh;
  refining: Refining | undefined;
  clean: RawMesh;
  cells: FaceCells | undefined;
}) {
  const positions = refining === undefined ? collapsed.positions : endRefining(refining, clean, cells);
  return shareArrays(splitNonManifold({ ...collapsed, positions }));
}

function emptyMesh(): TerminalError {
  return new TerminalError('the mesh has no usable face', {
    code: 'MESH_EMPTY',
    field: 'mesh',
    remedy: 'The model found no surface: try another seed or a clearer prompt.',
  });
}

export const SURFACE_STEPS = { repair, see, suspect, cells, ask, clean, collapse, nearest, fit, settle } as const;
export type SurfaceSteps = typeof SURFACE_STEPS;
export type SurfaceStep = keyof SurfaceSteps;
