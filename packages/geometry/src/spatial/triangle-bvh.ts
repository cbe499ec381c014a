/** Nearest points on a triangle mesh. */

import type { TriangleMesh } from '../mesh/mesh.ts';
import type { Bvh } from './bvh.ts';
import { closestOnTriangle, type TrianglePoint } from './closest-on-triangle.ts';
import { type TriangleTree, triangleTree } from './triangle-tree.ts';

/** Where a query ended on the mesh; overwritten by the next query. */
export interface SurfacePoint {
  /** -1 when nothing was found. */
  face: number;
  /** Barycentric weights of the face's second and third corner. */
  v: number;
  w: number;
  /** From the query point, world units. */
  distance: number;
}

export class TriangleBvh {
  readonly hit: SurfacePoint = { face: -1, v: 0, w: 0, distance: Infinity };
  readonly #tree: Bvh;
  readonly #stack: Int32Array;
  readonly #stackDistance: Float64Array;
  readonly #corners: Float32Array;
  readonly #leafOf: Int32Array;
  readonly #point: TrianglePoint = { v: 0, w: 0 };

  constructor({ nodes, corners, leafOf }: TriangleTree) {
    this.#tree = nodes;
    this.#stack = new Int32Array(nodes.depth * 2 + 4);
    this.#stackDistance = new Float64Array(this.#stack.length);
    this.#corners = corners;
    this.#leafOf = leafOf;
  }

  static of(mesh: TriangleMesh): TriangleBvh {
    return new TriangleBvh(triangleTree(mesh));
  }

  /**
   * The point of the mesh nearest to (x, y, z), in `hit`. A face known to be near, such as the last hit of a
   * neighbouring query, makes the search short.
   */
  closestPoint(x: number, y: number, z: number, nearFace = -1): SurfacePoint {
    const { boxes, offsets, counts } = this.#tree;
    const hit = this.hit;
    hit.face = -1;
    hit.distance = Infinity;
    if (this.#leafOf.length === 0) return hit;
    if (nearFace >= 0) this.#closestOnFace(this.#leafOf[nearFace] as number, x, y, z);
    const [stack, distances] = [this.#stack, this.#stackDistance];
    let top = 0;
    stack[top] = 0;
    distances[top++] = boxDistance(boxes, 0, x, y, z);
    while (top > 0) {
      const node = stack[--top] as number;
      if ((distances[top] as number) >= hit.distance) continue;
      const count = counts[node] as number;
      if (count > 0) {
        const first = offsets[node] as number;
        for (let slot = first; slot < first + count; slot++) this.#closestOnFace(slot, x, y, z);
        continue;
      }
      const [left, right] = [node + 1, offsets[node] as number];
      const [dl, dr] = [boxDistance(boxes, left * 6, x, y, z), boxDistance(boxes, right * 6, x, y, z)];
      const leftFirst = dl <= dr;
      const [near, far, dn, df] = leftFirst ? [left, right, dl, dr] : [right, left, dr, dl];
      if (df < hit.distance) {
        stack[top] = far;
        distances[top++] = df;
      }
      if (dn < hit.distance) {
        stack[top] = near;
        distances[top++] = dn;
      }
    }
    hit.distance = Math.sqrt(hit.distance);
    return hit;
  }

  /** Squared distances while searching. */
  #closestOnFace(slot: number, px: number, py: number, pz: number): void {
    const [hit, point] = [this.hit, this.#point];
    const distance = closestOnTriangle(this.#corners, slot * 9, px, py, pz, point);
    if (!(distance < hit.distance)) return;
    hit.distance = distance;
    hit.face = this.#tree.items[slot] as number;
    hit.v = point.v;
    hit.w = point.w;
  }
}

/** Squared distance from a point to a box. */
function boxDistance(boxes: Float32Array, i: number, x: number, y: number, z: number): number {
  const dx = Math.max((boxes[i] as number) - x, 0, x - (boxes[i + 3] as number));
  const dy = Math.max((boxes[i + 1] as number) - y, 0, y - (boxes[i + 4] as number));
  const dz = Math.max((boxes[i + 2] as number) - z, 0, z - (boxes[i + 5] as number));
  return dx * dx + dy * dy + dz * dz;
}
