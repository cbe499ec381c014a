/**
 * Which dual vertices a cube has, for each of the 256 sign patterns of its corners.
 *
 * Derived, not copied. Dual marching cubes (Nielson 2004) gives a cube one vertex per patch of surface inside it.
 * On a face whose diagonals differ in sign the two inside corners count as separate and the two outside corners
 * as joined. So inside corners are grouped along cube edges, outside corners along cube edges and across such
 * faces, and a patch is one pair (inside group, outside group): its edges are those that cross from one to the other.
 *
 * Two neighbours that share an ambiguous face can pinch the surface there to a non-manifold edge when both close
 * up with a single vertex. FlexiCubes (Shen et al. 2023, section 4.2, after Wenger's isosurface cases 16 and 19)
 * then takes, in both, the patches of the opposite sign pattern, which cross the same edges.
 */

/** Corner c of a cube stands at (c & 1, (c >> 1) & 1, c >> 2). Edge directions decide the order of edges in a mesh. */
export const CUBE_EDGES: readonly (readonly [number, number])[] = [
  [0, 1],
  [1, 5],
  [4, 5],
  [0, 4],
  [2, 3],
  [3, 7],
  [6, 7],
  [2, 6],
  [2, 0],
  [3, 1],
  [7, 5],
  [6, 4],
];

/** The six faces: outward step and corners in cyclic order. */
const CUBE_FACES: readonly { readonly step: readonly [number, number, number]; readonly ring: readonly number[] }[] = [
  { step: [-1, 0, 0], ring: [0, 2, 6, 4] },
  { step: [1, 0, 0], ring: [1, 3, 7, 5] },
  { step: [0, -1, 0], ring: [0, 1, 5, 4] },
  { step: [0, 1, 0], ring: [2, 3, 7, 6] },
  { step: [0, 0, -1], ring: [0, 1, 3, 2] },
  { step: [0, 0, 1], ring: [4, 5, 7, 6] },
];

export interface CubeCase {
  /** Per dual vertex the crossed edges, ascending. */
  readonly vertices: readonly (readonly number[])[];
  /** Step to the neighbour behind the ambiguous face, where the case may have to be replaced by its opposite. */
  readonly ambiguousStep: readonly [number, number, number] | undefined;
}

/** Sign patterns have bit c set where corner c is inside. */
export const CUBE_CASES: readonly CubeCase[] = buildCases();

/** [256 * 12] number of the dual vertex that an edge belongs to, 255 where the edge is not crossed. */
export const VERTEX_OF_EDGE: Uint8Array = buildVertexOfEdge();

/** [256] number of dual vertices. */
export const VERTEX_COUNTS: Uint8Array = Uint8Array.from(CUBE_CASES, (cubeCase) => cubeCase.vertices.length);

function buildCases(): CubeCase[] {
  const patches = Array.from({ length: 256 }, (_, pattern) => patchesOf(pattern));
  return patches.map((vertices, pattern) => {
    const ambiguous = CUBE_FACES.filter(({ ring }) => isAmbiguous(pattern, ring));
    const opposite = patches[255 - pattern] as number[][];
    const pinches = ambiguous.length === 1 && vertices.length === 1 && opposite.length === 2;
    return { vertices, ambiguousStep: pinches ? ambiguous[0]?.step : undefined };
  });
}

function isInside(pattern: number, corner: number): boolean {
  return ((pattern >> corner) & 1) === 1;
}

function isAmbiguous(pattern: number, ring: readonly number[]): boolean {
  const inside = ring.map((corner) => isInside(pattern, corner));
  return inside[0] === inside[2] && inside[1] === inside[3] && inside[0] !== inside[1];
}

function patchesOf(pattern: number): number[][] {
  const group = [0, 1, 2, 3, 4, 5, 6, 7];
  const join = (a: number, b: number) => {
    const [from, to] = [
      Math.max(group[a] as number, group[b] as number),
      Math.min(group[a] as number, group[b] as number),
    ];
    for (let corner = 0; corner < 8; corner++) if (group[corner] === from) group[corner] = to;
  };
  for (const [a, b] of CUBE_EDGES) if (isInside(pattern, a) === isInside(pattern, b)) join(a, b);
  for (const { ring } of CUBE_FACES) {
    if (!isAmbiguous(pattern, ring)) continue;
    const [a, b] = ring.filter((corner) => !isInside(pattern, corner)) as [number, number];
    join(a, b);
  }
  // Groups are named by their lowest corner, which also orders the vertices: by inside group, then by outside group.
  const patches = new Map<number, number[]>();
  CUBE_EDGES.forEach(([a, b], edge) => {
    if (isInside(pattern, a) === isInside(pattern, b)) return;
    const [inner, outer] = isInside(pattern, a) ? [a, b] : [b, a];
    const key = (group[inner] as number) * 8 + (group[outer] as number);
    patches.set(key, [...(patches.get(key) ?? []), edge]);
  });
  return [...patches].sort(([a], [b]) => a - b).map(([, edges]) => edges);
}

function buildVertexOfEdge(): Uint8Array {
  const table = new Uint8Array(256 * 12).fill(255);
  CUBE_CASES.forEach(({ vertices }, pattern) => {
    vertices.forEach((edges, vertex) => {
      for (const edge of edges) table[pattern * 12 + edge] = vertex;
    });
  });
  return table;
}
