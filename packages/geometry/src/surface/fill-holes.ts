/** Closes holes with a smooth patch: least-area triangulation, refined to the rim's spacing, relaxed to a membrane. */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import type { RawMesh } from '../mesh/mesh.ts';
import { VertexEdges } from '../mesh/vertex-edges.ts';
import { boundaryLoops } from './boundary-loops.ts';
import { Patch } from './patch.ts';
import { edgesAmong, triangulateLoop } from './triangulate-loop.ts';

export interface FillHolesOptions extends Interruptible {
  /** Holes whose box diagonal is longer, in world units, stay open. Default: no limit. */
  readonly maxSize?: number;
}

export interface FillHolesResult {
  readonly mesh: RawMesh;
  readonly closed: number;
  readonly left: number;
}

/** Rims longer than this stay open: closing them well would take too long. */
const MAX_RIM = 4000;

export function fillHoles(mesh: RawMesh, options: FillHolesOptions = {}): FillHolesResult {
  const { maxSize = Infinity } = options;
  const loops = boundaryLoops(mesh);
  if (loops.length === 0) return { mesh, closed: 0, left: 0 };
  const vertexEdges = new VertexEdges(mesh);
  const positions: number[] = [];
  const attributes: number[] = [];
  const indices: number[] = [];
  let closed = 0;
  for (const loop of loops) {
    checkpoint(options);
    if (loop.length > MAX_RIM || diagonal(mesh, loop) > maxSize || isLooseFace(vertexEdges, loop)) continue;
    const edges = edgesAmong(vertexEdges, loop);
    // The patch runs against the rim: it uses each rim edge in the other direction.
    const triangles = triangulateLoop(mesh, loop.toReversed(), new Set(edges));
    if (triangles === undefined) continue;
    const patch = new Patch(mesh, loop, triangles, edges);
    patch.refine();
    patch.relax();
    patch.appendTo(positions, attributes, indices, (mesh.positions.length + positions.length) / 3);
    closed++;
  }
  if (closed === 0) return { mesh, closed, left: loops.length };
  return {
    mesh: {
      positions: append(mesh.positions, positions),
      attributes: append(mesh.attributes, attributes),
      indices: appendIndices(mesh.indices, indices),
    },
    closed,
    left: loops.length - closed,
  };
}

/** A rim of three edges around a face that has no neighbours encloses nothing. */
function isLooseFace(edges: VertexEdges, loop: readonly number[]): boolean {
  return loop.length === 3 && loop.every((vertex) => edges.faceCount(vertex) === 1);
}

function append(values: Float32Array, added: readonly number[]): Float32Array {
  const result = new Float32Array(values.length + added.length);
  result.set(values);
  result.set(added, values.length);
  return result;
}

function appendIndices(values: Uint32Array, added: readonly number[]): Uint32Array {
  const result = new Uint32Array(values.length + added.length);
  result.set(values);
  result.set(added, values.length);
  return result;
}

function diagonal({ positions }: RawMesh, loop: readonly number[]): number {
  return Math.hypot(
    ...[0, 1, 2].map((k) => {
      const values = loop.map((vertex) => positions[vertex * 3 + k] as number);
      return values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b));
    }),
  );
}
