/** For points of one surface, the nearest points of another: shared out among threads. */

import { TriangleBvh } from '../spatial/triangle-bvh.ts';
import type { TriangleTree } from '../spatial/triangle-tree.ts';

/** Points that a thread takes at a time. Results depend on it in the last bits, so it is no option. */
const BAND = 4096;
/** Along each side of the box in whose cells the last answers of a band are remembered. */
const CELLS = 32;

/** Point i is vertex `i * stride` of the surface asked about. All in shared memory, but for `points` maybe. */
export interface NearestPoints {
  /** [P, 3] positions of that surface' vertices. */
  readonly points: Float32Array;
  readonly stride: number;
  /** [N] nearest face, -1 for none. */
  readonly face: Int32Array;
  /** [N] barycentric weights of its second and third corner. */
  readonly v: Float64Array;
  readonly w: Float64Array;
  /** [N] world units. */
  readonly distance: Float64Array;
}

/** Room for the answers, before the first search. */
export function emptyNearest(points: Float32Array, stride: number): NearestPoints {
  const count = Math.ceil(points.length / 3 / stride);
  const numbers = () => new Float64Array(new SharedArrayBuffer(count * 8));
  const face = new Int32Array(new SharedArrayBuffer(count * 4)).fill(-1);
  return { points, stride, face, v: numbers(), w: numbers(), distance: numbers() };
}

/**
 * Takes bands of points until none is left. Threads that share `nearest` and `next` share the work; which of them
 * takes which band changes nothing. Answers of an earlier search make the next one short, and may be for another mesh
 * with the same faces.
 *
 * @param tree of the surface on which the nearest points are.
 * @param next number of the next band.
 */
export function findNearest(tree: TriangleTree, nearest: NearestPoints, next: Int32Array): void {
  const bvh = new TriangleBvh(tree);
  const { points, stride, face, v, w, distance } = nearest;
  // One vertex after the other is often on another side of the surface: what is near is known by place.
  const near = new Int32Array(CELLS ** 3);
  const [x0, y0, z0, x1, y1, z1] = tree.nodes.boxes as unknown as [number, number, number, number, number, number];
  const scale = CELLS / (Math.max(x1 - x0, y1 - y0, z1 - z0) || 1);
  for (let start = Atomics.add(next, 0, BAND); start < face.length; start = Atomics.add(next, 0, BAND)) {
    const end = Math.min(face.length, start + BAND);
    near.fill(-1);
    for (let i = start; i < end; i++) {
      const p = i * stride * 3;
      const [x, y, z] = [points[p] as number, points[p + 1] as number, points[p + 2] as number];
      const cell = (placeOf(z, z0, scale) * CELLS + placeOf(y, y0, scale)) * CELLS + placeOf(x, x0, scale);
      const known = face[i] as number;
      const hit = bvh.closestPoint(x, y, z, known >= 0 ? known : (near[cell] as number));
      near[cell] = hit.face;
      face[i] = hit.face;
      v[i] = hit.v;
      w[i] = hit.w;
      distance[i] = hit.face < 0 ? 0 : hit.distance;
    }
  }
}

function placeOf(value: number, low: number, scale: number): number {
  return Math.max(0, Math.min(CELLS - 1, Math.floor((value - low) * scale)));
}
