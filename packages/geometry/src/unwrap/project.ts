/** Lays charts flat along their axes and cuts them where the projection would cover a place twice. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { type Charts, faceNormals } from './charts.ts';
import { CoveredCells } from './covered-cells.ts';

export interface FlatCharts {
  readonly count: number;
  /** [F] */
  readonly ofFace: Int32Array;
  /** [F, 3, 2] corners in world units, each chart turned into its tightest box found and moved to (0, 0). */
  readonly corners: Float64Array;
  /** [C, 2] extents. */
  readonly sizes: Float64Array;
}

/** Cells over which overlaps are looked for, all charts together. */
const OVERLAP_CELLS = 1 << 20;
const MAX_ROUNDS = 8;

export function flattenCharts(mesh: TriangleMesh, charts: Charts): FlatCharts {
  const faces = mesh.indices.length / 3;
  const ofFace = charts.ofFace.slice();
  let count = charts.count;
  const corners = new Float64Array(faces * 6);
  for (let face = 0; face < faces; face++) {
    projectFace(
      mesh,
      face,
      charts.axes.subarray((ofFace[face] as number) * 3, (ofFace[face] as number) * 3 + 3),
      corners,
    );
  }
  // A face that turns its back on the axis is laid flat on its own.
  const { normals } = faceNormals(mesh);
  for (let face = 0; face < faces; face++) {
    if (signedArea(corners, face * 6) >= 0) continue;
    ofFace[face] = count++;
    projectFace(mesh, face, normals.subarray(face * 3, face * 3 + 3), corners);
  }
  const cells = new CoveredCells(corners, Math.sqrt(totalArea(corners) / OVERLAP_CELLS));
  let pending = groupByChart(ofFace, count);
  for (let round = 0; pending.size > 0; round++) {
    const evicted = new Map<number, number[]>();
    for (const members of pending.values()) {
      const overlapping = round === MAX_ROUNDS ? members.slice(1) : findOverlaps(cells, corners, members);
      if (overlapping.length === 0) continue;
      if (round === MAX_ROUNDS) {
        for (const face of overlapping) ofFace[face] = count++;
        continue;
      }
      const fresh = count++;
      for (const face of overlapping) ofFace[face] = fresh;
      evicted.set(fresh, overlapping);
    }
    pending = evicted;
  }
  const sizes = new Float64Array(count * 2);
  for (const [chart, members] of groupByChart(ofFace, count)) turnIntoBox(corners, members, sizes, chart);
  return { count, ofFace, corners, sizes };
}

function groupByChart(ofFace: Int32Array, count: number): Map<number, number[]> {
  const groups = new Map<number, number[]>(Array.from({ length: count }, (_, chart) => [chart, []]));
  for (let face = 0; face < ofFace.length; face++) groups.get(ofFace[face] as number)?.push(face);
  return groups;
}

/** Coordinates along two unit vectors that make a right-handed frame with the axis: seen from outside, not mirrored. */
function projectFace(mesh: TriangleMesh, face: number, axis: Float64Array, corners: Float64Array): void {
  const [nx, ny, nz] = [axis[0] as number, axis[1] as number, axis[2] as number];
  // Duff et al. 2017, "Building an Orthonormal Basis, Revisited".
  const sign = nz >= 0 ? 1 : -1;
  const a = -1 / (sign + nz);
  const b = nx * ny * a;
  const tangent = [1 + sign * nx * nx * a, sign * b, -sign * nx];
  const bitangent = [b, sign + ny * ny * a, -ny];
  for (let k = 0; k < 3; k++) {
    const at = (mesh.indices[face * 3 + k] as number) * 3;
    let [u, v] = [0, 0];
    for (let c = 0; c < 3; c++) {
      u += (tangent[c] as number) * (mesh.positions[at + c] as number);
      v += (bitangent[c] as number) * (mesh.positions[at + c] as number);
    }
    corners[face * 6 + k * 2] = u;
    corners[face * 6 + k * 2 + 1] = v;
  }
}

function totalArea(corners: Float64Array): number {
  let area = 0;
  for (let i = 0; i < corners.length; i += 6) area += Math.abs(signedArea(corners, i));
  return Math.max(area, 1e-12);
}

function signedArea(corners: Float64Array, i: number): number {
  const [ax, ay] = [corners[i] as number, corners[i + 1] as number];
  const [ux, uy] = [(corners[i + 2] as number) - ax, (corners[i + 3] as number) - ay];
  const [vx, vy] = [(corners[i + 4] as number) - ax, (corners[i + 5] as number) - ay];
  return (ux * vy - uy * vx) / 2;
}

/** Faces that cover the centre of a cell which an earlier face covers. */
function findOverlaps(cells: CoveredCells, corners: Float64Array, members: readonly number[]): number[] {
  cells.begin(boundsOf(corners, members));
  const overlapping = members.filter((face) => !cells.cover(face));
  return overlapping.length === members.length ? overlapping.slice(1) : overlapping;
}

function boundsOf(corners: Float64Array, members: readonly number[]): [number, number, number, number] {
  let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const face of members) {
    for (let k = face * 6; k < face * 6 + 6; k += 2) {
      minX = Math.min(minX, corners[k] as number);
      maxX = Math.max(maxX, corners[k] as number);
      minY = Math.min(minY, corners[k + 1] as number);
      maxY = Math.max(maxY, corners[k + 1] as number);
    }
  }
  return [minX, minY, maxX, maxY];
}

/** Turns a chart so that its bounding box is small and no taller than wide, and moves it to the origin. */
function turnIntoBox(corners: Float64Array, members: readonly number[], sizes: Float64Array, chart: number): void {
  let best = { area: Infinity, angle: 0 };
  // Every 64th corner or so of a large chart tells its box well enough.
  const sample = members.filter((_, i) => i % Math.ceil(members.length / 500) === 0);
  for (let step = 0; step < 30; step++) {
    const angle = (step * Math.PI) / 60;
    const [minX, minY, maxX, maxY] = turnedBounds(corners, sample, angle);
    const area = (maxX - minX) * (maxY - minY);
    if (area < best.area * (1 - 1e-9)) best = { area, angle };
  }
  let angle = best.angle;
  let bounds = turnedBounds(corners, members, angle);
  if (bounds[3] - bounds[1] > bounds[2] - bounds[0]) {
    angle += Math.PI / 2;
    bounds = turnedBounds(corners, members, angle);
  }
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (const face of members) {
    for (let k = face * 6; k < face * 6 + 6; k += 2) {
      const [x, y] = [corners[k] as number, corners[k + 1] as number];
      corners[k] = x * cos - y * sin - bounds[0];
      corners[k + 1] = x * sin + y * cos - bounds[1];
    }
  }
  sizes[chart * 2] = bounds[2] - bounds[0];
  sizes[chart * 2 + 1] = bounds[3] - bounds[1];
}

function turnedBounds(
  corners: Float64Array,
  members: readonly number[],
  angle: number,
): [number, number, number, number] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  let [minX, minY, maxX, maxY] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const face of members) {
    for (let k = face * 6; k < face * 6 + 6; k += 2) {
      const x = (corners[k] as number) * cos - (corners[k + 1] as number) * sin;
      const y = (corners[k] as number) * sin + (corners[k + 1] as number) * cos;
      minX = Math.min(minX, x);
      maxX = Math.max(maxX, x);
      minY = Math.min(minY, y);
      maxY = Math.max(maxY, y);
    }
  }
  return [minX, minY, maxX, maxY];
}
