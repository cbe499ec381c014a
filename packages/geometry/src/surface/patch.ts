/** The triangles that close one hole, refined and smoothed (after Liepa 2003, "Filling Holes in Meshes"). */

import { ATTRIBUTE_CHANNELS, type RawMesh } from '../mesh/mesh.ts';
import { edgeKey, type Triangle } from './triangulate-loop.ts';

/** Position and attributes of a vertex, side by side. */
const STRIDE = 3 + ATTRIBUTE_CHANNELS;
const MAX_ROUNDS = 12;
const FLIP_PASSES = 4;
const RELAX_STEPS = 60;
/** A patch never grows beyond this many added vertices. */
const MAX_ADDED = 20_000;

export class Patch {
  /** [T, 3] numbers within the patch: first the ring, then what was added. */
  readonly #corners: number[];
  readonly #values: number[] = [];
  readonly #ring: readonly number[];
  /** Edges that the mesh has between vertices of the ring, in the patch's numbers. */
  readonly #taken = new Set<number>();

  /**
   * @param triangles a triangulation of the ring.
   * @param taken edges of the mesh between vertices of the ring, by `edgeKey`.
   */
  constructor(mesh: RawMesh, ring: readonly number[], triangles: readonly Triangle[], taken: ReadonlySet<number>) {
    this.#ring = ring;
    const local = new Map(ring.map((vertex, i) => [vertex, i]));
    this.#corners = triangles.flat().map((vertex) => local.get(vertex) as number);
    for (const vertex of ring) {
      this.#values.push(...mesh.positions.subarray(vertex * 3, vertex * 3 + 3));
      this.#values.push(...mesh.attributes.subarray(vertex * ATTRIBUTE_CHANNELS, (vertex + 1) * ATTRIBUTE_CHANNELS));
    }
    for (let i = 0; i < ring.length; i++) {
      for (let j = 0; j < i && taken.size > 0; j++) {
        if (taken.has(edgeKey(ring[i] as number, ring[j] as number))) this.#taken.add(edgeKey(i, j));
      }
    }
  }

  /** Splits triangles at their middle until they are about as large as the ring's edges are long. */
  refine(): void {
    const n = this.#ring.length;
    let spacing = 0;
    for (let i = 0; i < n; i++) spacing += this.#distance(i, (i + 1) % n) / n;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const before = this.#corners.length;
      for (let t = before - 3; t >= 0; t -= 3) this.#splitIfLarge(t, spacing);
      for (let pass = 0; pass < FLIP_PASSES && this.#flipEdges() > 0; pass++);
      if (this.#corners.length === before) return;
    }
  }

  /** Moves added vertices to the mean of their neighbours, attributes alike, until they lie still: a membrane. */
  relax(): void {
    const values = Float64Array.from(this.#values);
    const n = this.#ring.length;
    const around: number[][] = Array.from({ length: values.length / STRIDE }, () => []);
    for (let i = 0; i < this.#corners.length; i++) {
      const [a, b] = [this.#corners[i] as number, this.#corners[i % 3 === 2 ? i - 2 : i + 1] as number];
      // Inside a patch each edge is met once from either side.
      if (a >= n) around[a]?.push(b);
    }
    for (let step = 0; step < RELAX_STEPS; step++) {
      for (let vertex = n; vertex < around.length; vertex++) {
        const others = around[vertex] as number[];
        for (let c = 0; c < STRIDE; c++) {
          let sum = 0;
          for (const other of others) sum += values[other * STRIDE + c] as number;
          values[vertex * STRIDE + c] = sum / others.length;
        }
      }
    }
    for (let i = n * STRIDE; i < values.length; i++) this.#values[i] = values[i] as number;
  }

  /** Appends what was added to the mesh's arrays; `firstNew` is the number of the first vertex appended. */
  appendTo(positions: number[], attributes: number[], indices: number[], firstNew: number): void {
    const n = this.#ring.length;
    for (let vertex = n; vertex < this.#values.length / STRIDE; vertex++) {
      for (let c = 0; c < 3; c++) positions.push(this.#values[vertex * STRIDE + c] as number);
      for (let c = 3; c < STRIDE; c++) attributes.push(this.#values[vertex * STRIDE + c] as number);
    }
    for (const corner of this.#corners)
      indices.push(corner < n ? (this.#ring[corner] as number) : firstNew + corner - n);
  }

  #splitIfLarge(t: number, spacing: number): void {
    const [a, b, c] = [this.#corners[t] as number, this.#corners[t + 1] as number, this.#corners[t + 2] as number];
    const added = this.#values.length / STRIDE;
    if (added - this.#ring.length >= MAX_ADDED) return;
    for (let k = 0; k < STRIDE; k++) {
      const sum = this.#value(a, k) + this.#value(b, k) + this.#value(c, k);
      this.#values.push(sum / 3);
    }
    const reach = Math.min(this.#distance(a, added), this.#distance(b, added), this.#distance(c, added));
    if (!(reach * Math.SQRT2 > spacing)) {
      this.#values.length -= STRIDE;
      return;
    }
    this.#corners[t + 2] = added;
    this.#corners.push(b, c, added, c, a, added);
  }

  /** Flips inner edges whose opposite angles add up to more than 180 degrees (Delaunay); gives how many. */
  #flipEdges(): number {
    const corners = this.#corners;
    const first = new Map<number, number>();
    const done = new Uint8Array(corners.length / 3);
    const pairs: [number, number][] = [];
    for (let i = 0; i < corners.length; i++) {
      const key = edgeKey(corners[i] as number, corners[next(i)] as number);
      const other = first.get(key);
      if (other === undefined) first.set(key, i);
      else pairs.push([other, i]);
    }
    let flips = 0;
    for (const [i, j] of pairs) {
      const [s, t] = [Math.floor(i / 3), Math.floor(j / 3)];
      if (done[s] === 1 || done[t] === 1) continue;
      const [a, b] = [corners[i] as number, corners[next(i)] as number];
      const [c, d] = [corners[next(next(i))] as number, corners[next(next(j))] as number];
      const flipped = edgeKey(c, d);
      if (c === d || this.#taken.has(flipped) || first.has(flipped)) continue;
      if (this.#angle(c, a, b) + this.#angle(d, a, b) <= Math.PI + 1e-6) continue;
      set(corners, s * 3, a, d, c);
      set(corners, t * 3, d, b, c);
      first.set(flipped, -1);
      done[s] = 1;
      done[t] = 1;
      flips++;
    }
    return flips;
  }

  #value(vertex: number, k: number): number {
    return this.#values[vertex * STRIDE + k] as number;
  }

  #distance(a: number, b: number): number {
    const dx = this.#value(a, 0) - this.#value(b, 0);
    const dy = this.#value(a, 1) - this.#value(b, 1);
    const dz = this.#value(a, 2) - this.#value(b, 2);
    return Math.sqrt(dx * dx + dy * dy + dz * dz);
  }

  #angle(at: number, a: number, b: number): number {
    const [ab, ca, cb] = [this.#distance(a, b), this.#distance(at, a), this.#distance(at, b)];
    if (!(ca * cb > 0)) return 0;
    return Math.acos(Math.min(1, Math.max(-1, (ca * ca + cb * cb - ab * ab) / (2 * ca * cb))));
  }
}

function next(i: number): number {
  return i % 3 === 2 ? i - 2 : i + 1;
}

function set(corners: number[], at: number, a: number, b: number, c: number): void {
  corners[at] = a;
  corners[at + 1] = b;
  corners[at + 2] = c;
}
