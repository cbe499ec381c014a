/** What a mesh is as a surface: closed, manifold, in how many pieces, how large. */

import type { TriangleMesh } from './mesh.ts';

export interface Topology {
  /** Edges with one face. */
  readonly boundaryEdges: number;
  /** Edges with more than two faces, or with two that wind against each other. */
  readonly nonManifoldEdges: number;
  /** Pieces connected through shared vertices. */
  readonly components: number;
  /** No boundary edge and at least one face. */
  readonly watertight: boolean;
  /** No non-manifold edge. */
  readonly manifold: boolean;
  /** Square world units. */
  readonly area: number;
  /** Cubic world units; positive when closed and wound outward. */
  readonly volume: number;
  readonly bounds: { readonly min: readonly number[]; readonly max: readonly number[] };
}

export function inspectTopology(mesh: TriangleMesh): Topology {
  const { boundaryEdges, nonManifoldEdges } = countEdges(mesh);
  return {
    boundaryEdges,
    nonManifoldEdges,
    components: labelComponents(mesh).count,
    watertight: boundaryEdges === 0 && mesh.indices.length > 0,
    manifold: nonManifoldEdges === 0,
    area: surfaceArea(mesh),
    volume: signedVolume(mesh),
    bounds: boundsOf(mesh.positions),
  };
}

function countEdges({ positions, indices }: TriangleMesh): { boundaryEdges: number; nonManifoldEdges: number } {
  // One number per half edge: the undirected edge, times two, plus its direction.
  const vertices = positions.length / 3;
  const keys = new Float64Array(indices.length);
  for (let i = 0; i < indices.length; i++) {
    const a = indices[i] as number;
    const b = indices[i % 3 === 2 ? i - 2 : i + 1] as number;
    keys[i] = (Math.min(a, b) * vertices + Math.max(a, b)) * 2 + (a < b ? 0 : 1);
  }
  keys.sort();
  let [boundaryEdges, nonManifoldEdges] = [0, 0];
  for (let i = 0; i < keys.length; ) {
    const edge = Math.floor((keys[i] as number) / 2);
    let end = i;
    let reversed = 0;
    for (; end < keys.length && Math.floor((keys[end] as number) / 2) === edge; end++)
      reversed += (keys[end] as number) % 2;
    if (end - i === 1) boundaryEdges++;
    else if (end - i > 2 || reversed !== 1) nonManifoldEdges++;
    i = end;
  }
  return { boundaryEdges, nonManifoldEdges };
}

export interface Components {
  readonly count: number;
  /** [F] component of each face. */
  readonly ofFace: Int32Array;
}

/** Components are numbered by their first face. */
export function labelComponents({ positions, indices }: TriangleMesh): Components {
  const parent = new Int32Array(positions.length / 3);
  for (let v = 0; v < parent.length; v++) parent[v] = v;
  const find = (v: number): number => {
    let at = v;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] as number] as number;
      at = parent[at] as number;
    }
    return at;
  };
  for (let i = 0; i < indices.length; i += 3) {
    const a = find(indices[i] as number);
    const b = find(indices[i + 1] as number);
    parent[b] = a;
    parent[find(indices[i + 2] as number)] = a;
  }
  const numbers = new Int32Array(positions.length / 3).fill(-1);
  const ofFace = new Int32Array(indices.length / 3);
  let count = 0;
  for (let face = 0; face < ofFace.length; face++) {
    const root = find(indices[face * 3] as number);
    if (numbers[root] === -1) numbers[root] = count++;
    ofFace[face] = numbers[root] as number;
  }
  return { count, ofFace };
}

export function surfaceArea({ positions, indices }: TriangleMesh): number {
  let area = 0;
  for (let i = 0; i < indices.length; i += 3) {
    const [nx, ny, nz] = crossProduct(positions, indices, i);
    area += Math.sqrt(nx * nx + ny * ny + nz * nz) / 2;
  }
  return area;
}

/** Sum of the signed tetrahedra between the origin and each face. */
export function signedVolume({ positions, indices }: TriangleMesh): number {
  let volume = 0;
  for (let i = 0; i < indices.length; i += 3) {
    const a = (indices[i] as number) * 3;
    const [nx, ny, nz] = crossProduct(positions, indices, i);
    volume += nx * (positions[a] as number) + ny * (positions[a + 1] as number) + nz * (positions[a + 2] as number);
  }
  return volume / 6;
}

export function boundsOf(positions: Float32Array): { min: number[]; max: number[] } {
  const min = [Infinity, Infinity, Infinity];
  const max = [-Infinity, -Infinity, -Infinity];
  for (let axis = 0; axis < 3; axis++) {
    let [low, high] = [Infinity, -Infinity];
    for (let i = axis; i < positions.length; i += 3) {
      low = Math.min(low, positions[i] as number);
      high = Math.max(high, positions[i] as number);
    }
    min[axis] = low;
    max[axis] = high;
  }
  return { min, max };
}

/** Twice the area times the normal of the face whose first corner is entry `i` of `indices`. */
export function crossProduct(positions: Float32Array, indices: Uint32Array, i: number): [number, number, number] {
  const [a, b, c] = [(indices[i] as number) * 3, (indices[i + 1] as number) * 3, (indices[i + 2] as number) * 3];
  const [ax, ay, az] = [positions[a] as number, positions[a + 1] as number, positions[a + 2] as number];
  const [ux, uy, uz] = [
    (positions[b] as number) - ax,
    (positions[b + 1] as number) - ay,
    (positions[b + 2] as number) - az,
  ];
  const [vx, vy, vz] = [
    (positions[c] as number) - ax,
    (positions[c + 1] as number) - ay,
    (positions[c + 2] as number) - az,
  ];
  return [uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx];
}
