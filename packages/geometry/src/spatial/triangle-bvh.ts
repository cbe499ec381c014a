/** Nearest points and ray hits on a triangle mesh. */

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
  /** Distance from the query point, or along the ray. */
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

  /** First hit of the ray in (tMin, tMax), either side of a face, in `hit`; `direction` need not be a unit vector. */
  castRay(
    ox: number,
    oy: number,
    oz: number,
    dx: number,
    dy: number,
    dz: number,
    tMin: number,
    tMax: number,
  ): SurfacePoint {
    const { boxes, offsets, counts } = this.#tree;
    const hit = this.hit;
    hit.face = -1;
    hit.distance = tMax;
    if (this.#leafOf.length === 0) return hit;
    const [ix, iy, iz] = [1 / dx, 1 / dy, 1 / dz];
    const stack = this.#stack;
    let top = 0;
    stack[top++] = 0;
    while (top > 0) {
      const node = stack[--top] as number;
      if (!(boxEntry(boxes, node * 6, ox, oy, oz, ix, iy, iz, hit.distance) <= hit.distance)) continue;
      const count = counts[node] as number;
      if (count > 0) {
        const first = offsets[node] as number;
        for (let slot = first; slot < first + count; slot++) this.#rayOnFace(slot, ox, oy, oz, dx, dy, dz, tMin);
        continue;
      }
      const [left, right] = [node + 1, offsets[node] as number];
      const tl = boxEntry(boxes, left * 6, ox, oy, oz, ix, iy, iz, hit.distance);
      const tr = boxEntry(boxes, right * 6, ox, oy, oz, ix, iy, iz, hit.distance);
      if (tl <= tr) {
        if (tr < Infinity) stack[top++] = right;
        if (tl < Infinity) stack[top++] = left;
      } else {
        if (tl < Infinity) stack[top++] = left;
        stack[top++] = right;
      }
    }
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

  /** Moeller & Trumbore 1997. */
  #rayOnFace(slot: number, ox: number, oy: number, oz: number, dx: number, dy: number, dz: number, tMin: number): void {
    const t = this.#corners;
    const i = slot * 9;
    const [ax, ay, az] = [t[i] as number, t[i + 1] as number, t[i + 2] as number];
    const [ux, uy, uz] = [(t[i + 3] as number) - ax, (t[i + 4] as number) - ay, (t[i + 5] as number) - az];
    const [vx, vy, vz] = [(t[i + 6] as number) - ax, (t[i + 7] as number) - ay, (t[i + 8] as number) - az];
    const [px, py, pz] = [dy * vz - dz * vy, dz * vx - dx * vz, dx * vy - dy * vx];
    const determinant = ux * px + uy * py + uz * pz;
    if (determinant === 0) return;
    const [sx, sy, sz] = [ox - ax, oy - ay, oz - az];
    const v = (sx * px + sy * py + sz * pz) / determinant;
    if (!(v >= 0 && v <= 1)) return;
    const [qx, qy, qz] = [sy * uz - sz * uy, sz * ux - sx * uz, sx * uy - sy * ux];
    const w = (dx * qx + dy * qy + dz * qz) / determinant;
    if (!(w >= 0 && v + w <= 1)) return;
    const distance = (vx * qx + vy * qy + vz * qz) / determinant;
    const hit = this.hit;
    if (!(distance > tMin && distance < hit.distance)) return;
    hit.distance = distance;
    hit.face = this.#tree.items[slot] as number;
    hit.v = v;
    hit.w = w;
  }
}

/** Squared distance from a point to a box. */
function boxDistance(boxes: Float32Array, i: number, x: number, y: number, z: number): number {
  const dx = Math.max((boxes[i] as number) - x, 0, x - (boxes[i + 3] as number));
  const dy = Math.max((boxes[i + 1] as number) - y, 0, y - (boxes[i + 4] as number));
  const dz = Math.max((boxes[i + 2] as number) - z, 0, z - (boxes[i + 5] as number));
  return dx * dx + dy * dy + dz * dz;
}

/** Where a ray enters a box, Infinity when it misses it before `tMax`. */
export function boxEntry(
  boxes: Float32Array,
  i: number,
  ox: number,
  oy: number,
  oz: number,
  ix: number,
  iy: number,
  iz: number,
  tMax: number,
): number {
  const [x0, x1] = [((boxes[i] as number) - ox) * ix, ((boxes[i + 3] as number) - ox) * ix];
  const [y0, y1] = [((boxes[i + 1] as number) - oy) * iy, ((boxes[i + 4] as number) - oy) * iy];
  const [z0, z1] = [((boxes[i + 2] as number) - oz) * iz, ((boxes[i + 5] as number) - oz) * iz];
  // Comparisons that are false for NaN (a ray within a face of the box) leave that axis out.
  let [near, far] = [0, tMax];
  const [nx, fx] = x0 < x1 ? [x0, x1] : [x1, x0];
  if (nx > near) near = nx;
  if (fx < far) far = fx;
  const [ny, fy] = y0 < y1 ? [y0, y1] : [y1, y0];
  if (ny > near) near = ny;
  if (fy < far) far = fy;
  const [nz, fz] = z0 < z1 ? [z0, z1] : [z1, z0];
  if (nz > near) near = nz;
  if (fz < far) far = fz;
  return near <= far ? near : Infinity;
}
