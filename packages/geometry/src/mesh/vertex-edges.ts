import type { TriangleMesh } from './mesh.ts';

/** Looks up the edges at a vertex, after one pass over the mesh. */
export class VertexEdges {
  readonly #indices: Uint32Array;
  readonly #head: Int32Array;
  readonly #chain: Int32Array;

  constructor({ positions, indices }: TriangleMesh) {
    this.#indices = indices;
    this.#head = new Int32Array(positions.length / 3).fill(-1);
    this.#chain = new Int32Array(indices.length).fill(-1);
    for (let i = 0; i < indices.length; i++) {
      const vertex = indices[i] as number;
      this.#chain[i] = this.#head[vertex] as number;
      this.#head[vertex] = i;
    }
  }

  faceCount(vertex: number): number {
    let count = 0;
    for (let i = this.#head[vertex] as number; i >= 0; i = this.#chain[i] as number) count++;
    return count;
  }

  /** Calls `visit` with the other end of each edge at `vertex`; ends may come twice. */
  forEachEnd(vertex: number, visit: (other: number) => void): void {
    for (let i = this.#head[vertex] as number; i >= 0; i = this.#chain[i] as number) {
      const face = i - (i % 3);
      for (let k = face; k < face + 3; k++) if (k !== i) visit(this.#indices[k] as number);
    }
  }
}
