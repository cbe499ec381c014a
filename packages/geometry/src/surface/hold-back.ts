/** Takes back moves of vertices that brought faces too far from the surface that they stand for. */

import { nextCorner } from '../mesh/half-edges.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import type { FaceCells } from '../spatial/face-cells.ts';
import { FaceGrid } from '../spatial/face-grid.ts';

/** Passes in which a move is halved; after them it is taken back whole. */
const HALVINGS = 3;
const PASSES = 6;

/**
 * Looks at corners, middles of edges and middles of faces: vertices of those that lie further than `limit` from the
 * surface, and further than before the move, go back by halves, and at last to where they were.
 *
 * @param before [V, 3] positions before the move.
 * @param limit world units.
 * @param cells those of the surface, where they are known.
 * @returns [V, 3] positions
 */
export function holdBack(
  mesh: TriangleMesh,
  before: Float32Array,
  surface: TriangleMesh,
  limit: number,
  cells?: FaceCells,
): Float32Array {
  const positions = mesh.positions.slice();
  if (!(limit > 0)) return positions;
  const grid = new FaceGrid(surface, cells);
  // Distances beyond this are all alike: far too far.
  const far = limit * 8;
  const place = new Float64Array(3);
  const isHeld = new Uint8Array(positions.length / 3);
  // Vertices that the last pass moved: only places around them are looked at again.
  const isStale = new Uint8Array(isHeld.length).fill(1);
  for (let pass = 0; pass < PASSES; pass++) {
    isHeld.fill(0);
    let held = 0;
    forEachPlace(mesh.indices, isStale, (a, b, c) => {
      middleOf(positions, a, b, c, place);
      if (grid.isWithin(place, limit)) return;
      const distance = grid.distanceWithin(place, far);
      middleOf(before, a, b, c, place);
      if (distance <= grid.distanceWithin(place, far)) return;
      isHeld[a] = 1;
      isHeld[b] = 1;
      isHeld[c] = 1;
      held++;
    });
    if (held === 0) break;
    for (let vertex = 0; vertex < isHeld.length; vertex++) {
      if (isHeld[vertex] === 0) continue;
      for (let k = vertex * 3; k < vertex * 3 + 3; k++) {
        const from = before[k] as number;
        positions[k] = pass < HALVINGS ? ((positions[k] as number) + from) / 2 : from;
      }
    }
    isStale.set(isHeld);
  }
  return positions;
}

/** Calls `visit` with the vertices of each face, of each edge (the second one twice) and with each vertex (thrice). */
function forEachPlace(
  indices: Uint32Array,
  isStale: Uint8Array,
  visit: (a: number, b: number, c: number) => void,
): void {
  const isDone = new Uint8Array(isStale.length);
  for (let i = 0; i < indices.length; i++) {
    const a = indices[i] as number;
    const b = indices[nextCorner(i)] as number;
    if (isStale[a] === 1 && isDone[a] === 0) {
      isDone[a] = 1;
      visit(a, a, a);
    }
    // The other half of an edge runs down.
    if (a < b && (isStale[a] === 1 || isStale[b] === 1)) visit(a, b, b);
    if (i % 3 !== 0) continue;
    const c = indices[i + 2] as number;
    if (isStale[a] === 1 || isStale[b] === 1 || isStale[c] === 1) visit(a, b, c);
  }
}

/** Into `out`: a vertex' own place, the middle of an edge given as (a, b, b), or that of a face. */
function middleOf(positions: Float32Array, a: number, b: number, c: number, out: Float64Array): void {
  const share = b === c && a !== b ? 1 / 4 : 1 / 3;
  for (let k = 0; k < 3; k++) {
    const first = positions[a * 3 + k] as number;
    const others = (positions[b * 3 + k] as number) + (positions[c * 3 + k] as number);
    out[k] = first + (others - 2 * first) * share;
  }
}
