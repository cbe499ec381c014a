/** Moves the vertices of a simplified mesh to where its faces fit the original best. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import type { FaceCells } from '../spatial/face-cells.ts';
import { refitTree, type TriangleTree, triangleTree } from '../spatial/triangle-tree.ts';
import { fitVertices } from './fit-vertices.ts';
import { holdBack } from './hold-back.ts';
import { emptyNearest, findNearest, type NearestPoints } from './nearest-points.ts';

/** Steps of least squares. More bring the mean down by little, and vertices in creases away from the surface. */
export const REFINING_ROUNDS = 2;
/** Original vertices that are looked at for each face of the simplified mesh; more make little difference. */
const SAMPLES_PER_FACE = 8;
/** No move may bring a face further away than so many times the distance within which this share of vertices lay. */
const HELD_SHARE = 0.99;
const HELD_FACTOR = 1.5;

/** What refining goes on with from step to step. Plain data, so that threads can share the work. */
export interface Refining {
  /** As it came from the collapses, and as it is now. */
  readonly start: TriangleMesh;
  readonly mesh: TriangleMesh;
  /** Of `mesh`. */
  readonly tree: TriangleTree;
  /** [V] 1 for vertices that stay where they are. */
  readonly isRim: Uint8Array;
  readonly nearest: NearestPoints;
  /** World units: no face may be brought further than this from the original. 0 before the first step. */
  readonly limit: number;
}

/**
 * Least squares over the distances from the original's vertices; then moves that brought faces further from the
 * original than they were, and further than nearly all of it lay before, are taken back. Topology stays; vertices on
 * rims stay where they are.
 *
 * @returns [V, 3] positions
 */
export function refineVertices(mesh: TriangleMesh, original: TriangleMesh, rounds = REFINING_ROUNDS): Float32Array {
  let refining = startRefining(mesh, original);
  for (let round = 0; round < rounds; round++) {
    findNearest(refining.tree, refining.nearest, new Int32Array(1));
    refining = refineStep(refining);
  }
  return endRefining(refining, original);
}

export function startRefining(mesh: TriangleMesh, { positions }: TriangleMesh): Refining {
  const stride = Math.max(1, Math.floor(positions.length / mesh.indices.length / SAMPLES_PER_FACE));
  const nearest = emptyNearest(positions, stride);
  return { start: mesh, mesh, tree: triangleTree(mesh), isRim: rimVertices(mesh), nearest, limit: 0 };
}

/** One step of least squares, after `findNearest` over `tree`. */
export function refineStep({ start, mesh, tree, isRim, nearest, limit }: Refining): Refining {
  const moved = { positions: fitVertices(mesh, nearest, isRim), indices: mesh.indices };
  return {
    start,
    mesh: moved,
    tree: refitTree(tree, moved),
    isRim,
    nearest,
    limit: limit === 0 ? HELD_FACTOR * quantile(nearest.distance, HELD_SHARE) : limit,
  };
}

/**
 * @param cells those of the original, where they are known.
 * @returns [V, 3] positions
 */
export function endRefining({ start, mesh, limit }: Refining, original: TriangleMesh, cells?: FaceCells): Float32Array {
  return holdBack(mesh, start.positions, original, limit, cells);
}

function quantile(values: Float64Array, share: number): number {
  return values.slice().sort()[Math.floor((values.length - 1) * share)] ?? 0;
}

/** 1 for the vertices of edges with one face. */
function rimVertices({ positions, indices }: TriangleMesh): Uint8Array {
  const vertices = positions.length / 3;
  const keys = new Float64Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const [a, b] = [indices[i] as number, indices[i % 3 === 2 ? i - 2 : i + 1] as number];
    keys[i] = Math.min(a, b) * vertices + Math.max(a, b);
  }
  keys.sort();
  const isRim = new Uint8Array(vertices);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as number;
    if (key === keys[i - 1] || key === keys[i + 1]) continue;
    isRim[Math.floor(key / vertices)] = 1;
    isRim[key % vertices] = 1;
  }
  return isRim;
}
