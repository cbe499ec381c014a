import type { TriangleMesh } from './mesh.ts';

/** Looks up directed edges; half edge i runs from corner i to the next corner of its face. */
export class HalfEdges {
  readonly #indices: Uint32Array;
  readonly #head: Int32Array;
  readonly #chain: Int32Array;

  constructor(indices: Uint32Array, vertices: number) {
    this.#indices = indices;
    this.#head = new Int32Array(vertices).fill(-1);
    this.#chain = new Int32Array(indices.length);
    // Backwards, so that each chain ascends.
    for (let i = indices.length - 1; i >= 0; i--) {
      const from = indices[i] as number;
      this.#chain[i] = this.#head[from] as number;
      this.#head[from] = i;
    }
  }

  static of({ positions, indices }: TriangleMesh): HalfEdges {
    return new HalfEdges(indices, positions.length / 3);
  }

  /** First half edge from one vertex to another, beginning after `after`; -1 when there is none. */
  find(from: number, to: number, after = -1): number {
    let i = after < 0 ? (this.#head[from] as number) : (this.#chain[after] as number);
    while (i >= 0 && this.#indices[nextCorner(i)] !== to) i = this.#chain[i] as number;
    return i;
  }
}

export function nextCorner(i: number): number {
  return i % 3 === 2 ? i - 2 : i + 1;
}
