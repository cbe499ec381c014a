import type { TriangleMesh } from './mesh.ts';

/** In place of a half edge's twin. */
export const UNPAIRED = -1;
/** While twins are being looked for: more than two half edges, or two that run the same way. */
const CROWDED = -2;

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

export function previousCorner(i: number): number {
  return i % 3 === 0 ? i + 2 : i - 1;
}

/**
 * [3F] the half edge that runs the other way between the same two vertices, where these two are the only ones there;
 * `UNPAIRED` at boundaries and where more faces meet, or two that wind against each other.
 */
export function twinHalfEdges({ positions, indices }: TriangleMesh): Int32Array {
  const twins = new Int32Array(indices.length).fill(UNPAIRED);
  // Half edges are chained per lower vertex; chains are as short as a vertex has edges.
  const head = new Int32Array(positions.length / 3).fill(-1);
  const chain = new Int32Array(indices.length);
  const high = new Int32Array(indices.length);
  for (let face = indices.length - 3; face >= 0; face -= 3) {
    for (let k = 2; k >= 0; k--) {
      const i = face + k;
      const a = indices[i] as number;
      const b = indices[k === 2 ? face : i + 1] as number;
      const low = a < b ? a : b;
      high[i] = a < b ? b : a;
      chain[i] = head[low] as number;
      head[low] = i;
    }
  }
  for (let v = 0; v < head.length; v++) {
    for (let i = head[v] as number; i >= 0; i = chain[i] as number) {
      if (twins[i] !== UNPAIRED) continue;
      let [other, count] = [-1, 1];
      for (let j = chain[i] as number; j >= 0; j = chain[j] as number) {
        if (high[j] !== high[i]) continue;
        other = j;
        count++;
      }
      if (count === 1) continue;
      if (count === 2 && indices[i] !== indices[other]) {
        twins[i] = other;
        twins[other] = i;
        continue;
      }
      // So that the rest of a crowd is not taken for a pair.
      twins[i] = CROWDED;
      for (let j = chain[i] as number; j >= 0; j = chain[j] as number) if (high[j] === high[i]) twins[j] = CROWDED;
    }
  }
  for (let i = 0; i < twins.length; i++) if ((twins[i] as number) < 0) twins[i] = UNPAIRED;
  return twins;
}

/**
 * What `twinHalfEdges` gives of a closed mesh once some of its faces are gone, without looking any edge up: all that
 * can change is that half of a pair is left alone.
 *
 * @param twins of the closed mesh.
 * @param isGone [F] 1 for faces that go; the others keep their order.
 */
export function keptTwins(twins: Int32Array, isGone: Uint8Array): Int32Array {
  // How far the first corner of each face moves to the front.
  const shift = new Int32Array(isGone.length);
  let gone = 0;
  for (let face = 0; face < shift.length; face++) {
    shift[face] = gone;
    gone += isGone[face] === 0 ? 0 : 3;
  }
  const kept = new Int32Array(twins.length - gone);
  for (let i = 0, to = 0; i < twins.length; i++) {
    if (isGone[Math.floor(i / 3)] !== 0) continue;
    const twin = twins[i] as number;
    const face = Math.floor(twin / 3);
    kept[to++] = isGone[face] === 0 ? twin - (shift[face] as number) : UNPAIRED;
  }
  return kept;
}

/** True when all half edges have a twin: a surface without rims, and without edges of more than two faces. */
export function isClosed(twins: Int32Array): boolean {
  return !twins.includes(UNPAIRED);
}

/** Half edges that no other runs against, ascending. */
export function boundaryHalfEdges(mesh: TriangleMesh): number[] {
  const { indices } = mesh;
  const twins = twinHalfEdges(mesh);
  const unpaired: number[] = [];
  for (let i = 0; i < twins.length; i++) if (twins[i] === UNPAIRED) unpaired.push(i);
  if (unpaired.length === 0) return unpaired;
  const edges = HalfEdges.of(mesh);
  return unpaired.filter((i) => edges.find(indices[nextCorner(i)] as number, indices[i] as number) < 0);
}
