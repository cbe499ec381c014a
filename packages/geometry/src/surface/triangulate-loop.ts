/** Spans a ring of vertices with triangles, using no edge that the mesh has already. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import type { VertexEdges } from '../mesh/vertex-edges.ts';

export type Triangle = [number, number, number];

/** Rings up to this length get the least-area triangulation; longer ones are first cut across. */
const EXACT_LENGTH = 96;

/**
 * @param edges keys of the mesh's edges between vertices of the ring; chords that cut it are added.
 * @returns undefined when every triangulation would use an edge twice.
 */
export function triangulateLoop(
  mesh: TriangleMesh,
  loop: readonly number[],
  edges: Set<number>,
): Triangle[] | undefined {
  const triangles: Triangle[] = [];
  const pending = [[...loop]];
  for (let ring = pending.pop(); ring !== undefined; ring = pending.pop()) {
    if (ring.length > EXACT_LENGTH) {
      const halves = cutAcross(mesh, ring, edges);
      if (halves === undefined) return undefined;
      pending.push(...halves);
      continue;
    }
    const part = leastArea(mesh, ring, edges);
    if (part === undefined) return undefined;
    triangles.push(...part);
  }
  return triangles;
}

/** One number for both directions of an edge between vertices below 2^26. */
export function edgeKey(a: number, b: number): number {
  return a < b ? a * 2 ** 26 + b : b * 2 ** 26 + a;
}

/** Keys of the mesh's edges with both ends in the ring. */
export function edgesAmong(mesh: VertexEdges, loop: readonly number[]): Set<number> {
  const members = new Set(loop);
  const edges = new Set<number>();
  for (const vertex of loop) {
    mesh.forEachEnd(vertex, (other) => {
      if (members.has(other)) edges.add(edgeKey(vertex, other));
    });
  }
  return edges;
}

/** Shortest chord that leaves both sides at least a quarter of the ring. */
function cutAcross(
  { positions }: TriangleMesh,
  ring: readonly number[],
  edges: Set<number>,
): [number[], number[]] | undefined {
  const n = ring.length;
  let best: { i: number; j: number; length: number } | undefined;
  const stride = Math.max(1, Math.floor(n / 256));
  for (let i = 0; i < n; i += stride) {
    for (let j = i + Math.ceil(n / 4); j <= Math.min(n - 1, i + Math.floor((3 * n) / 4)); j += stride) {
      const [a, b] = [ring[i] as number, ring[j] as number];
      if (edges.has(edgeKey(a, b))) continue;
      const length = Math.hypot(
        ...[0, 1, 2].map((k) => (positions[a * 3 + k] as number) - (positions[b * 3 + k] as number)),
      );
      if (best === undefined || length < best.length) best = { i, j, length };
    }
  }
  if (best === undefined) return undefined;
  edges.add(edgeKey(ring[best.i] as number, ring[best.j] as number));
  return [ring.slice(best.i, best.j + 1), [...ring.slice(best.j), ...ring.slice(0, best.i + 1)]];
}

/** Dynamic programming over sub-rings (Barequet & Sharir 1995). */
function leastArea(mesh: TriangleMesh, ring: readonly number[], edges: ReadonlySet<number>): Triangle[] | undefined {
  const n = ring.length;
  const cost = new Float64Array(n * n);
  const split = new Int32Array(n * n).fill(-1);
  const isFree = (i: number, j: number) =>
    j - i === 1 || (i === 0 && j === n - 1) || !edges.has(edgeKey(ring[i] as number, ring[j] as number));
  for (let span = 2; span < n; span++) {
    for (let i = 0; i + span < n; i++) {
      const j = i + span;
      cost[i * n + j] = Infinity;
      if (!isFree(i, j)) continue;
      for (let k = i + 1; k < j; k++) {
        const total =
          (cost[i * n + k] as number) +
          (cost[k * n + j] as number) +
          triangleArea(mesh.positions, ring[i] as number, ring[k] as number, ring[j] as number);
        if (!(total < (cost[i * n + j] as number))) continue;
        cost[i * n + j] = total;
        split[i * n + j] = k;
      }
    }
  }
  if (!Number.isFinite(cost[n - 1])) return undefined;
  const triangles: Triangle[] = [];
  const pending: [number, number][] = [[0, n - 1]];
  for (let range = pending.pop(); range !== undefined; range = pending.pop()) {
    const [i, j] = range;
    if (j - i < 2) continue;
    const k = split[i * n + j] as number;
    triangles.push([ring[i] as number, ring[k] as number, ring[j] as number]);
    pending.push([i, k], [k, j]);
  }
  return triangles;
}

function triangleArea(positions: Float32Array, a: number, b: number, c: number): number {
  const [ax, ay, az] = [positions[a * 3] as number, positions[a * 3 + 1] as number, positions[a * 3 + 2] as number];
  const [ux, uy, uz] = [
    (positions[b * 3] as number) - ax,
    (positions[b * 3 + 1] as number) - ay,
    (positions[b * 3 + 2] as number) - az,
  ];
  const [vx, vy, vz] = [
    (positions[c * 3] as number) - ax,
    (positions[c * 3 + 1] as number) - ay,
    (positions[c * 3 + 2] as number) - az,
  ];
  return Math.hypot(uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx) / 2;
}
