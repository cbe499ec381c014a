/** The corner values that a sparse set of cubes puts on the vertices of its grid. */

import { TerminalError } from '@espalier/contracts';
import { ATTRIBUTE_CHANNELS } from '../mesh/mesh.ts';
import { BitGrid } from './bit-grid.ts';

/** Channels per voxel: sdf 8 | deformation 8x3 | weights 21 (beta 12, alpha 8, gamma 1) | colour 8x6. */
export const FEATURE_CHANNELS = 101;
const DEFORM_CHANNEL = 8;
export const WEIGHT_CHANNEL = 32;
const COLOR_CHANNEL = 53;

export interface SparseVoxels {
  /** [N, 3] cube numbers x, y, z in [0, resolution). */
  readonly coords: Int32Array;
  /** [N, 101] decoder output. */
  readonly features: Float32Array;
  /** Cubes along one side of the grid. */
  readonly resolution: number;
}

export interface VoxelField {
  readonly voxels: SparseVoxels;
  /** Active cubes, and the row of each in `features`, by rank. */
  readonly active: BitGrid;
  readonly rowOf: Int32Array;
  /** Grid vertices that an active cube touches, and their mean sdf, by rank. */
  readonly touched: BitGrid;
  readonly sdf: Float32Array;
  /** Grid vertices with sdf < 0. */
  readonly negative: BitGrid;
}

/** @throws TerminalError `VOXELS_INVALID` for wrong lengths, a cube outside the grid or one given twice. */
export function buildVoxelField(voxels: SparseVoxels): VoxelField {
  const { coords, features, resolution } = voxels;
  const count = checkVoxels(voxels);
  const active = new BitGrid(resolution, resolution, resolution);
  const touched = new BitGrid(resolution + 1, resolution + 1, resolution + 1);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [coords[i * 3] as number, coords[i * 3 + 1] as number, coords[i * 3 + 2] as number];
    const inGrid = x >= 0 && y >= 0 && z >= 0 && x < resolution && y < resolution && z < resolution;
    if (!inGrid) throw invalid(`voxel ${i} at (${x}, ${y}, ${z}) lies outside a grid of ${resolution}^3`);
    if (active.has(x, y, z)) throw invalid(`voxel (${x}, ${y}, ${z}) is given twice`);
    active.set(x, y, z);
    for (let corner = 0; corner < 8; corner++) {
      touched.set(x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2));
    }
  }
  active.index();
  const rowOf = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    rowOf[active.rank(coords[i * 3] as number, coords[i * 3 + 1] as number, coords[i * 3 + 2] as number)] = i;
  }

  const vertices = touched.index();
  const sdf = new Float32Array(vertices);
  const members = new Uint8Array(vertices);
  const bias = Math.fround(-1 / resolution);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [coords[i * 3] as number, coords[i * 3 + 1] as number, coords[i * 3 + 2] as number];
    for (let column = 0; column < 4; column++) {
      const low = touched.rank(x + (column & 1), y + (column >> 1), z);
      const base = i * FEATURE_CHANNELS + column;
      sdf[low] = (sdf[low] as number) + Math.fround((features[base] as number) + bias);
      members[low] = (members[low] as number) + 1;
      // The next cell along z is touched too, hence next in rank.
      sdf[low + 1] = (sdf[low + 1] as number) + Math.fround((features[base + 4] as number) + bias);
      members[low + 1] = (members[low + 1] as number) + 1;
    }
  }
  const negative = new BitGrid(resolution + 1, resolution + 1, resolution + 1);
  let rank = 0;
  touched.forEach((x, y, z) => {
    const mean = (sdf[rank] as number) / (members[rank] as number);
    sdf[rank++] = mean;
    if (mean < 0) negative.set(x, y, z);
  });
  return { voxels, active, rowOf, touched, sdf, negative };
}

export interface VertexValues {
  /** The grid vertices that have values. */
  readonly at: BitGrid;
  /** [K] signed distance; -1 or +1 where no active cube touches the vertex. */
  readonly sdf: Float32Array;
  /** [K, 3] deformed positions in world units. */
  readonly positions: Float32Array;
  /** [K, 6] colour and normal-map colour in (0, 1). */
  readonly attributes: Float32Array;
}

/** Means of deformation and colour over the active cubes around each vertex of `at` (which must be indexed). */
export function readVertexValues(field: VoxelField, at: BitGrid): VertexValues {
  const { coords, features, resolution } = field.voxels;
  const count = at.index();
  const sdf = new Float32Array(count);
  const positions = new Float32Array(count * 3);
  const attributes = new Float32Array(count * ATTRIBUTE_CHANNELS);
  const members = new Uint8Array(count);
  for (let i = 0; i < coords.length / 3; i++) {
    const [x, y, z] = [coords[i * 3] as number, coords[i * 3 + 1] as number, coords[i * 3 + 2] as number];
    for (let corner = 0; corner < 8; corner++) {
      const [vx, vy, vz] = [x + (corner & 1), y + ((corner >> 1) & 1), z + (corner >> 2)];
      if (!at.has(vx, vy, vz)) continue;
      const vertex = at.rank(vx, vy, vz);
      members[vertex] = (members[vertex] as number) + 1;
      const deform = i * FEATURE_CHANNELS + DEFORM_CHANNEL + corner * 3;
      for (let c = 0; c < 3; c++) {
        positions[vertex * 3 + c] = (positions[vertex * 3 + c] as number) + (features[deform + c] as number);
      }
      const color = i * FEATURE_CHANNELS + COLOR_CHANNEL + corner * ATTRIBUTE_CHANNELS;
      const out = vertex * ATTRIBUTE_CHANNELS;
      for (let c = 0; c < ATTRIBUTE_CHANNELS; c++) {
        attributes[out + c] = (attributes[out + c] as number) + (features[color + c] as number);
      }
    }
  }
  let vertex = 0;
  at.forEach((x, y, z) => {
    const n = Math.max(1, members[vertex] as number);
    if (field.touched.has(x, y, z)) sdf[vertex] = field.sdf[field.touched.rank(x, y, z)] as number;
    else sdf[vertex] = field.negative.has(x, y, z) ? -1 : 1;
    const corner = [x, y, z];
    for (let c = 0; c < 3; c++) {
      const shift = Math.tanh((positions[vertex * 3 + c] as number) / n) / (2 * resolution);
      positions[vertex * 3 + c] = (corner[c] as number) / resolution - 0.5 + shift;
    }
    for (let c = 0; c < ATTRIBUTE_CHANNELS; c++) {
      const k = vertex * ATTRIBUTE_CHANNELS + c;
      attributes[k] = 1 / (1 + Math.exp(-(attributes[k] as number) / n));
    }
    vertex++;
  });
  return { at, sdf, positions, attributes };
}

function checkVoxels({ coords, features, resolution }: SparseVoxels): number {
  if (!Number.isInteger(resolution) || resolution < 1 || resolution > 1024) {
    throw invalid(`resolution is ${resolution}; it must be an integer from 1 to 1024`);
  }
  const count = coords.length / 3;
  if (!Number.isInteger(count) || features.length !== count * FEATURE_CHANNELS) {
    throw invalid(`coords of length ${coords.length} and features of length ${features.length} do not belong together`);
  }
  return count;
}

function invalid(message: string): TerminalError {
  return new TerminalError(`voxels: ${message}`, { code: 'VOXELS_INVALID', field: 'voxels' });
}
