/** Faces: one quad around every sign-changing grid edge inside the grid, cut into two triangles. */

import { VERTEX_OF_EDGE } from './cases.ts';
import { splitWeights } from './dual-vertices.ts';
import { crossingsAlongZ, type SurfaceCubes } from './surface-cubes.ts';
import type { VoxelField } from './voxel-field.ts';

/** The four cubes around an edge in grid order: their offset from its low end, and which of their edges it is. */
interface EdgeCubes {
  readonly offsets: readonly (readonly [number, number, number])[];
  readonly edges: readonly [number, number, number, number];
}

const AROUND_X: EdgeCubes = {
  offsets: [
    [0, -1, -1],
    [0, -1, 0],
    [0, 0, -1],
    [0, 0, 0],
  ],
  edges: [6, 4, 2, 0],
};
const AROUND_Y: EdgeCubes = {
  offsets: [
    [-1, 0, -1],
    [-1, 0, 0],
    [0, 0, -1],
    [0, 0, 0],
  ],
  edges: [10, 9, 11, 8],
};
const AROUND_Z: EdgeCubes = {
  offsets: [
    [-1, -1, 0],
    [-1, 0, 0],
    [0, -1, 0],
    [0, 0, 0],
  ],
  edges: [5, 1, 7, 3],
};

/** [F, 3] vertex numbers, in the reference's order: quads whose edge starts outside first. */
export function connectDualVertices(field: VoxelField, cubes: SurfaceCubes, firstVertex: Int32Array): Uint32Array {
  const gamma = splitWeights(field, cubes);
  const counts = [0, 0];
  visitEdges(field, (_x, _y, _z, _around, startsInside) => {
    counts[startsInside ? 1 : 0] = (counts[startsInside ? 1 : 0] as number) + 1;
  });
  const indices = new Uint32Array(((counts[0] as number) + (counts[1] as number)) * 6);
  const next = [0, (counts[0] as number) * 6];
  const cube = [0, 0, 0, 0];
  const dual = [0, 0, 0, 0];
  visitEdges(field, (x, y, z, around, startsInside) => {
    for (let i = 0; i < 4; i++) {
      const [dx, dy, dz] = around.offsets[i] as readonly [number, number, number];
      const c = cubes.at.rank(x + dx, y + dy, z + dz);
      const local = VERTEX_OF_EDGE[(cubes.cases[c] as number) * 12 + (around.edges[i] as number)] as number;
      cube[i] = c;
      dual[i] = (firstVertex[c] as number) + local;
    }
    const group = startsInside ? 1 : 0;
    const [i0, i1, i2, i3] = (startsInside ? [2, 3, 1, 0] : [0, 1, 3, 2]) as [number, number, number, number];
    const diagonal = (gamma[cube[i0] as number] as number) * (gamma[cube[i2] as number] as number);
    const other = (gamma[cube[i1] as number] as number) * (gamma[cube[i3] as number] as number);
    const corners = Math.fround(diagonal) > Math.fround(other) ? [i0, i1, i2, i0, i2, i3] : [i0, i1, i3, i3, i1, i2];
    let out = next[group] as number;
    for (const corner of corners) indices[out++] = dual[corner] as number;
    next[group] = out;
  });
  return indices;
}

/**
 * Sign-changing edges with four cubes around them, by (first, second) grid vertex. Edges along x and z start at
 * their low end, edges along y at their high end; `visit` gets the low end.
 */
function visitEdges(
  field: VoxelField,
  visit: (x: number, y: number, z: number, around: EdgeCubes, startsInside: boolean) => void,
): void {
  const { negative } = field;
  const { rowWords, words } = negative;
  const last = negative.nx - 1;
  const isInner = (v: number) => v > 0 && v < last;
  for (let x = 0; x <= last; x++) {
    for (let y = 0; y <= last; y++) {
      const row = negative.row(x, y);
      for (let k = 0; k < rowWords; k++) {
        const word = words[row + k] as number;
        const alongY = isInner(x) && y > 0 ? word ^ (words[negative.row(x, y - 1) + k] as number) : 0;
        const alongZ = isInner(x) && isInner(y) ? crossingsAlongZ(negative, row, k) : 0;
        const alongX = isInner(y) && x < last ? word ^ (words[negative.row(x + 1, y) + k] as number) : 0;
        let any = alongX | alongY | alongZ;
        while (any !== 0) {
          const bit = any & -any;
          any ^= bit;
          const z = (k << 5) + (31 - Math.clz32(bit));
          const startsInside = (word & bit) !== 0;
          if ((alongY & bit) !== 0 && isInner(z)) visit(x, y - 1, z, AROUND_Y, startsInside);
          if ((alongZ & bit) !== 0) visit(x, y, z, AROUND_Z, startsInside);
          if ((alongX & bit) !== 0 && isInner(z)) visit(x, y, z, AROUND_X, startsInside);
        }
      }
    }
  }
}
