/** Makes a mesh manifold without moving anything, by giving sheets that only touch vertices of their own. */

import { HalfEdges, nextCorner, previousCorner, twinHalfEdges, UNPAIRED } from '../mesh/half-edges.ts';
import { ATTRIBUTE_CHANNELS, type RawMesh } from '../mesh/mesh.ts';

/** One more round may be needed where splitting an edge makes a new coincidence; more has not been seen. */
const MAX_ROUNDS = 4;

/**
 * At an edge with more than two faces, faces are paired with the neighbour on the other side of the solid between
 * them, so that touching solids come apart; every group of faces then gets its own copy of a shared vertex. Where one
 * group passes the same two vertices twice, the second passage gets a vertex in its middle. The surface stays where it
 * is, closed stays closed.
 *
 * @param twins what `twinHalfEdges` gives of the mesh, where it is known.
 */
export function splitNonManifold(mesh: RawMesh, twins = twinHalfEdges(mesh)): RawMesh {
  let result = mesh;
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const { mesh: separated, doubles } = separateSheets(result, round === 0 ? twins : twinHalfEdges(result));
    if (doubles.length === 0) return separated;
    result = splitEdges(separated, doubles);
  }
  return separateSheets(result, twinHalfEdges(result)).mesh;
}

/** Pairs of half edges, given by the first, that are the second or later pair between the same two vertices. */
type Doubles = readonly (readonly [number, number])[];

function separateSheets(mesh: RawMesh, twins: Int32Array): { mesh: RawMesh; doubles: Doubles } {
  const { positions, indices } = mesh;
  const vertices = positions.length / 3;
  const { partner, crowded } = pairHalfEdges(mesh, twins);
  // The corners that are met going round a vertex across paired edges, either way, become one vertex.
  const result = new Uint32Array(indices.length);
  const isDone = new Uint8Array(indices.length);
  const isTaken = new Uint8Array(vertices);
  const copies: number[] = [];
  for (let i = 0; i < indices.length; i++) {
    if (isDone[i] === 1) continue;
    const vertex = indices[i] as number;
    const number = isTaken[vertex] === 0 ? vertex : vertices + copies.push(vertex) - 1;
    isTaken[vertex] = 1;
    let corner = i;
    while (corner >= 0 && isDone[corner] === 0) {
      isDone[corner] = 1;
      result[corner] = number;
      const other = partner[corner] as number;
      corner = other < 0 ? -1 : nextCorner(other);
    }
    // A fan with two ends has corners on the other side of the first one, too.
    for (corner = partner[previousCorner(i)] as number; corner >= 0 && isDone[corner] === 0; ) {
      isDone[corner] = 1;
      result[corner] = number;
      corner = partner[previousCorner(corner)] as number;
    }
  }
  const doubles = findDoubles(result, partner, crowded, vertices + copies.length);
  if (copies.length === 0) return { mesh, doubles };
  const separated = {
    positions: extend(positions, copies, 3),
    attributes: extend(mesh.attributes, copies, ATTRIBUTE_CHANNELS),
    indices: result,
  };
  return { mesh: separated, doubles };
}

/** Sheets only come apart: pairs that still share both vertices did so before. */
function findDoubles(indices: Uint32Array, partner: Int32Array, crowded: readonly number[], vertices: number): Doubles {
  if (crowded.length === 0) return [];
  const edges = new HalfEdges(indices, vertices);
  const doubles: [number, number][] = [];
  for (const i of crowded) {
    const [from, to] = [indices[i] as number, indices[nextCorner(i)] as number];
    // Each pair is met once, from its rising half; the first pair between two vertices stays.
    if (from < to && (partner[i] as number) >= 0 && edges.find(from, to) !== i) doubles.push([i, partner[i] as number]);
  }
  return doubles;
}

/** Puts a vertex in the middle of each edge, given as its two half edges; a face takes part in one split at most. */
function splitEdges(mesh: RawMesh, edges: Doubles): RawMesh {
  const indices = Array.from(mesh.indices);
  const touched = new Set<number>();
  const positions: number[] = [];
  const attributes: number[] = [];
  let vertex = mesh.positions.length / 3;
  for (const [i, j] of edges) {
    const faces = [Math.floor(i / 3), Math.floor(j / 3)];
    if (faces.some((face) => touched.has(face))) continue;
    const [a, b] = [mesh.indices[i] as number, mesh.indices[nextCorner(i)] as number];
    for (let k = 0; k < 3; k++) positions.push(mean(mesh.positions, a * 3 + k, b * 3 + k));
    for (let k = 0; k < ATTRIBUTE_CHANNELS; k++) {
      attributes.push(mean(mesh.attributes, a * ATTRIBUTE_CHANNELS + k, b * ATTRIBUTE_CHANNELS + k));
    }
    for (const half of [i, j]) {
      // (from, to, apex) becomes (from, middle, apex) and (middle, to, apex).
      indices.push(vertex, indices[nextCorner(half)] as number, indices[nextCorner(nextCorner(half))] as number);
      indices[nextCorner(half)] = vertex;
      touched.add(Math.floor(half / 3));
    }
    vertex++;
  }
  return {
    positions: Float32Array.from([...mesh.positions, ...positions]),
    attributes: Float32Array.from([...mesh.attributes, ...attributes]),
    indices: Uint32Array.from(indices),
  };
}

function mean(values: Float32Array, i: number, j: number): number {
  return ((values[i] as number) + (values[j] as number)) / 2;
}

interface Pairing {
  /** [3F] the half edge paired with each one (corner k names the edge from k to k + 1), -1 where none is left. */
  readonly partner: Int32Array;
  /** Half edges that lie between the same two vertices as at least two others, ascending. */
  readonly crowded: readonly number[];
}

function pairHalfEdges(mesh: RawMesh, twins: Int32Array): Pairing {
  const { positions, indices } = mesh;
  const alone: number[] = [];
  for (let i = 0; i < twins.length; i++) if (twins[i] === UNPAIRED) alone.push(i);
  if (alone.length === 0) return { partner: twins, crowded: [] };
  const partner = twins.slice();
  const edges = HalfEdges.of(mesh);
  const crowded: number[] = [];
  const isDone = new Set<number>();
  for (const i of alone) {
    if (isDone.has(i)) continue;
    const [a, b] = [indices[i] as number, indices[nextCorner(i)] as number];
    const around: number[] = [];
    for (let j = edges.find(a, b); j >= 0; j = edges.find(a, b, j)) around.push(j);
    for (let j = edges.find(b, a); j >= 0; j = edges.find(b, a, j)) around.push(j);
    if (around.length <= 2) continue;
    around.sort((x, y) => x - y);
    for (const j of around) isDone.add(j);
    pairByAngle(positions, indices, partner, around);
    for (const j of around) crowded.push(j);
  }
  return { partner, crowded: crowded.sort((x, y) => x - y) };
}

function pairIfOpposite(indices: Uint32Array, partner: Int32Array, i: number, j: number): void {
  if (indices[i] !== indices[nextCorner(j)]) return;
  partner[i] = j;
  partner[j] = i;
}

/** Sorts the faces around their common edge; a face whose solid side comes next is paired with the face after it. */
function pairByAngle(
  positions: Float32Array,
  indices: Uint32Array,
  partner: Int32Array,
  around: readonly number[],
): void {
  const first = around[0] as number;
  const low = Math.min(indices[first] as number, indices[nextCorner(first)] as number);
  const high = Math.max(indices[first] as number, indices[nextCorner(first)] as number);
  const at = (vertex: number) => positions.subarray(vertex * 3, vertex * 3 + 3) as unknown as [number, number, number];
  const axis = unit(minus(at(high), at(low)));
  const wings = around.map((half) => {
    const side = minus(at(indices[nextCorner(nextCorner(half))] as number), at(low));
    const along = side[0] * axis[0] + side[1] * axis[1] + side[2] * axis[2];
    return unit([side[0] - along * axis[0], side[1] - along * axis[1], side[2] - along * axis[2]]);
  });
  const x = wings[0] as [number, number, number];
  const y: [number, number, number] = [
    axis[1] * x[2] - axis[2] * x[1],
    axis[2] * x[0] - axis[0] * x[2],
    axis[0] * x[1] - axis[1] * x[0],
  ];
  const sorted = around
    .map((half, i) => {
      const wing = wings[i] as [number, number, number];
      const angle = Math.atan2(
        wing[0] * y[0] + wing[1] * y[1] + wing[2] * y[2],
        wing[0] * x[0] + wing[1] * x[1] + wing[2] * x[2],
      );
      return { half, angle: angle < -1e-12 ? angle + 2 * Math.PI : angle };
    })
    .sort((a, b) => a.angle - b.angle || a.half - b.half);
  // A face with corners low, high, c has the normal axis x wing, which points to larger angles: its solid lies at
  // smaller ones. So a face that runs down the edge has its solid between itself and the next one.
  // Matched like brackets, twice around because a solid may lie across the angle zero.
  const open: number[] = [];
  for (let k = 0; k < sorted.length * 2; k++) {
    const { half } = sorted[k % sorted.length] as { half: number };
    if (partner[half] !== -1) continue;
    if (indices[half] === high) {
      if (k < sorted.length) open.push(half);
      continue;
    }
    const other = open.pop();
    if (other !== undefined) pairIfOpposite(indices, partner, half, other);
  }
}

function extend(values: Float32Array, copies: readonly number[], stride: number): Float32Array {
  const result = new Float32Array(values.length + copies.length * stride);
  result.set(values);
  copies.forEach((vertex, k) => {
    result.set(values.subarray(vertex * stride, (vertex + 1) * stride), values.length + k * stride);
  });
  return result;
}

function minus(a: readonly number[], b: readonly number[]): [number, number, number] {
  return [0, 1, 2].map((k) => (a[k] as number) - (b[k] as number)) as [number, number, number];
}

function unit(a: readonly [number, number, number]): [number, number, number] {
  const length = Math.hypot(...a) || 1;
  return [a[0] / length, a[1] / length, a[2] / length];
}
