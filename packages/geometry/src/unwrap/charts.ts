/**
 * Cuts a mesh into charts that one direction can see as a whole: connected faces whose normals lie in a cone.
 *
 * Runs in linear time but for a heap, on any mesh; each chart can be projected along its axis without folding.
 */

import { faceAdjacency } from '../mesh/adjacency.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { crossProduct } from '../mesh/topology.ts';

export interface Charts {
  readonly count: number;
  /** [F] chart of each face. */
  readonly ofFace: Int32Array;
  /** [C, 3] unit projection axes, along the mean normal. */
  readonly axes: Float64Array;
}

/** Faces join while their normal is within this angle of the chart's mean normal: cos 50 degrees. */
const JOIN_COSINE = Math.cos((50 * Math.PI) / 180);
/** Small charts may be merged where no normal turns further than this from the axis: cos 65 degrees. */
const MERGE_COSINE = Math.cos((65 * Math.PI) / 180);

export function growCharts(mesh: TriangleMesh): Charts {
  const faces = mesh.indices.length / 3;
  const { normals, areas } = faceNormals(mesh);
  const neighbours = faceAdjacency(mesh);
  const ofFace = new Int32Array(faces).fill(-1);
  const seeds = Array.from({ length: faces }, (_, face) => face).sort(
    (a, b) => (areas[b] as number) - (areas[a] as number) || a - b,
  );
  const sums: number[] = [];
  let count = 0;
  const heap = new FaceHeap();
  for (const seed of seeds) {
    if (ofFace[seed] !== -1) continue;
    const chart = count++;
    const sum = [0, 0, 0];
    heap.clear();
    heap.push(seed, 0);
    for (let face = heap.pop(); face >= 0; face = heap.pop()) {
      if (ofFace[face] !== -1 || alignment(normals, face, sum) < JOIN_COSINE) continue;
      ofFace[face] = chart;
      for (let k = 0; k < 3; k++) {
        sum[k] = (sum[k] as number) + (normals[face * 3 + k] as number) * (areas[face] as number);
      }
      for (let k = 0; k < 3; k++) {
        const other = neighbours[face * 3 + k] as number;
        if (other >= 0 && ofFace[other] === -1) heap.push(other, 1 - alignment(normals, other, sum));
      }
    }
    sums.push(...sum);
  }
  return mergeSmallCharts({ count, ofFace, sums }, neighbours, normals, areas);
}

/** Merges each chart, smallest first, into the neighbour it shares most edges with, where the normals allow. */
function mergeSmallCharts(
  { count, ofFace, sums }: { count: number; ofFace: Int32Array; sums: number[] },
  neighbours: Int32Array,
  normals: Float64Array,
  areas: Float64Array,
): Charts {
  const members: number[][] = Array.from({ length: count }, () => []);
  for (let face = 0; face < ofFace.length; face++) members[ofFace[face] as number]?.push(face);
  const area = members.map((faces) => faces.reduce((total, face) => total + (areas[face] as number), 0));
  const limit = area.reduce((total, a) => total + a, 0) / 200;
  const order = Array.from({ length: count }, (_, chart) => chart).sort(
    (a, b) => (area[a] ?? 0) - (area[b] ?? 0) || a - b,
  );
  for (const chart of order) {
    const own = members[chart] as number[];
    if ((area[chart] as number) > limit) break;
    const shared = new Map<number, number>();
    for (const face of own) {
      for (let k = 0; k < 3; k++) {
        const other = neighbours[face * 3 + k] as number;
        const theirs = other < 0 ? chart : (ofFace[other] as number);
        if (theirs !== chart) shared.set(theirs, (shared.get(theirs) ?? 0) + 1);
      }
    }
    const candidates = [...shared].sort(([a, na], [b, nb]) => nb - na || a - b);
    for (const [target] of candidates) {
      const theirs = members[target] as number[];
      const sum = [0, 1, 2].map((k) => (sums[chart * 3 + k] as number) + (sums[target * 3 + k] as number));
      const fits = (face: number) => alignment(normals, face, sum) > MERGE_COSINE;
      if (!own.every(fits) || !theirs.every(fits)) continue;
      for (const face of own) {
        ofFace[face] = target;
        theirs.push(face);
      }
      area[target] = (area[target] as number) + (area[chart] as number);
      for (let k = 0; k < 3; k++) sums[target * 3 + k] = sum[k] as number;
      members[chart] = [];
      break;
    }
  }
  const number = new Int32Array(count).fill(-1);
  const axes: number[] = [];
  let kept = 0;
  for (let chart = 0; chart < count; chart++) {
    if ((members[chart] as number[]).length === 0) continue;
    number[chart] = kept++;
    const sum = sums.slice(chart * 3, chart * 3 + 3);
    const length = Math.hypot(...sum);
    axes.push(...(length > 0 ? sum.map((v) => v / length) : [0, 0, 1]));
  }
  return { count: kept, ofFace: ofFace.map((chart) => number[chart] as number), axes: Float64Array.from(axes) };
}

/** [F, 3] unit normals (zero for faces without area) and [F] areas. */
export function faceNormals(mesh: TriangleMesh): { normals: Float64Array; areas: Float64Array } {
  const normals = new Float64Array(mesh.indices.length);
  const areas = new Float64Array(mesh.indices.length / 3);
  for (let i = 0; i < mesh.indices.length; i += 3) {
    const cross = crossProduct(mesh.positions, mesh.indices, i);
    const length = Math.hypot(...cross);
    if (!(length > 0)) continue;
    areas[i / 3] = length / 2;
    for (let k = 0; k < 3; k++) normals[i + k] = (cross[k] as number) / length;
  }
  return { normals, areas };
}

/** Cosine between a face's normal and a direction of any length; 1 where either has none. */
function alignment(normals: Float64Array, face: number, sum: readonly number[]): number {
  const [x, y, z] = [normals[face * 3] as number, normals[face * 3 + 1] as number, normals[face * 3 + 2] as number];
  const [sx, sy, sz] = sum as [number, number, number];
  const length = Math.sqrt((sx * sx + sy * sy + sz * sz) * (x * x + y * y + z * z));
  return length > 0 ? (x * sx + y * sy + z * sz) / length : 1;
}

/** Binary heap of faces by cost; equal costs come by face number, so that results never depend on history. */
class FaceHeap {
  readonly #faces: number[] = [];
  readonly #costs: number[] = [];

  clear(): void {
    this.#faces.length = 0;
    this.#costs.length = 0;
  }

  push(face: number, cost: number): void {
    let at = this.#faces.length;
    this.#faces.push(face);
    this.#costs.push(cost);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (this.#isBefore(parent, at)) break;
      this.#swap(parent, at);
      at = parent;
    }
  }

  /** -1 when empty. */
  pop(): number {
    const faces = this.#faces;
    if (faces.length === 0) return -1;
    this.#swap(0, faces.length - 1);
    const face = faces.pop() as number;
    this.#costs.pop();
    for (let at = 0; ; ) {
      let first = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < faces.length && !this.#isBefore(first, child)) first = child;
      }
      if (first === at) return face;
      this.#swap(first, at);
      at = first;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const difference = (this.#costs[a] as number) - (this.#costs[b] as number);
    return difference < 0 || (difference === 0 && (this.#faces[a] as number) <= (this.#faces[b] as number));
  }

  #swap(a: number, b: number): void {
    const [face, cost] = [this.#faces[a] as number, this.#costs[a] as number];
    this.#faces[a] = this.#faces[b] as number;
    this.#costs[a] = this.#costs[b] as number;
    this.#faces[b] = face;
    this.#costs[b] = cost;
  }
}
