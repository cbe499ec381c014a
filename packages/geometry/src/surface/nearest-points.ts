/** For points of one surface, the nearest points of another: shared out among threads. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import { TriangleBvh } from '../spatial/triangle-bvh.ts';

/** Points that a thread takes at a time. Results depend on it in the last bits, so it is no option. */
const BAND = 4096;

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
 * @param next number of the next band.
 */
export function findNearest(mesh: TriangleMesh, nearest: NearestPoints, next: Int32Array): void {
  const tree = TriangleBvh.of(mesh);
  const { points, stride, face, v, w, distance } = nearest;
  for (let start = Atomics.add(next, 0, BAND); start < face.length; start = Atomics.add(next, 0, BAND)) {
    const end = Math.min(face.length, start + BAND);
    let near = -1;
    for (let i = start; i < end; i++) {
      const p = i * stride * 3;
      const known = face[i] as number;
      const hint = known >= 0 ? known : near;
      const hit = tree.closestPoint(points[p] as number, points[p + 1] as number, points[p + 2] as number, hint);
      near = hit.face;
      face[i] = hit.face;
      v[i] = hit.v;
      w[i] = hit.w;
      distance[i] = hit.face < 0 ? 0 : hit.distance;
    }
  }
}
