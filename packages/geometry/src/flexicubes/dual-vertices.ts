/** Positions and attributes of the dual vertices: weighted means of the points where the surface crosses edges. */

import { ATTRIBUTE_CHANNELS } from '../mesh/mesh.ts';
import { CUBE_CASES, CUBE_EDGES, VERTEX_COUNTS } from './cases.ts';
import type { SurfaceCubes } from './surface-cubes.ts';
import { FEATURE_CHANNELS, type VertexValues, type VoxelField, WEIGHT_CHANNEL } from './voxel-field.ts';

/** Scale of all learned weights in FlexiCubes. */
const WEIGHT_SCALE = 0.99;
const ALPHA_CHANNEL = WEIGHT_CHANNEL + 12;
const GAMMA_CHANNEL = WEIGHT_CHANNEL + 20;

export interface DualVertices {
  /** [V, 3] */
  readonly positions: Float32Array;
  /** [V, 6] */
  readonly attributes: Float32Array;
  /** [S] number of each cube's first vertex; its others follow. */
  readonly firstVertex: Int32Array;
}

export function placeDualVertices(field: VoxelField, cubes: SurfaceCubes, values: VertexValues): DualVertices {
  const { firstVertex, total } = numberVertices(cubes);
  const positions = new Float32Array(total * 3);
  const attributes = new Float32Array(total * ATTRIBUTE_CHANNELS);
  const { features } = field.voxels;
  const alpha = new Float64Array(8);
  const beta = new Float64Array(12);
  const sum = new Float64Array(3 + ATTRIBUTE_CHANNELS);
  for (let cube = 0; cube < cubes.count; cube++) {
    const [x, y, z] = cubeAt(cubes, cube);
    const row = rowOfCube(field, x, y, z);
    // Cubes without features have zero weights, and tanh(0) = 0.
    for (let c = 0; c < 8; c++) alpha[c] = row < 0 ? 1 : weight(features[row + ALPHA_CHANNEL + c] as number);
    for (let e = 0; e < 12; e++) beta[e] = row < 0 ? 1 : weight(features[row + WEIGHT_CHANNEL + e] as number);
    const { vertices } = CUBE_CASES[cubes.cases[cube] as number] as (typeof CUBE_CASES)[number];
    for (let v = 0; v < vertices.length; v++) {
      sum.fill(0);
      let betaSum = 0;
      for (const edge of vertices[v] as readonly number[]) {
        const [a, b] = CUBE_EDGES[edge] as readonly [number, number];
        const va = values.at.rank(x + (a & 1), y + ((a >> 1) & 1), z + (a >> 2));
        const vb = values.at.rank(x + (b & 1), y + ((b >> 1) & 1), z + (b >> 2));
        const sa = (values.sdf[va] as number) * (alpha[a] as number);
        const sb = (values.sdf[vb] as number) * (alpha[b] as number);
        const t = sb / (sb - sa);
        const share = beta[edge] as number;
        betaSum += share;
        for (let c = 0; c < 3; c++) {
          const point =
            (values.positions[va * 3 + c] as number) * t + (values.positions[vb * 3 + c] as number) * (1 - t);
          sum[c] = (sum[c] as number) + share * point;
        }
        for (let c = 0; c < ATTRIBUTE_CHANNELS; c++) {
          const [ca, cb] = [va * ATTRIBUTE_CHANNELS + c, vb * ATTRIBUTE_CHANNELS + c];
          const value = (values.attributes[ca] as number) * t + (values.attributes[cb] as number) * (1 - t);
          sum[3 + c] = (sum[3 + c] as number) + share * value;
        }
      }
      const vertex = (firstVertex[cube] as number) + v;
      for (let c = 0; c < 3; c++) positions[vertex * 3 + c] = (sum[c] as number) / betaSum;
      for (let c = 0; c < ATTRIBUTE_CHANNELS; c++) {
        attributes[vertex * ATTRIBUTE_CHANNELS + c] = (sum[3 + c] as number) / betaSum;
      }
    }
  }
  return { positions, attributes, firstVertex };
}

/** The reference emits all cubes of one vertex first, then those of two, and so on. */
function numberVertices(cubes: SurfaceCubes): { firstVertex: Int32Array; total: number } {
  const firstVertex = new Int32Array(cubes.count);
  let total = 0;
  for (let size = 1; size <= 4; size++) {
    for (let cube = 0; cube < cubes.count; cube++) {
      if (VERTEX_COUNTS[cubes.cases[cube] as number] !== size) continue;
      firstVertex[cube] = total;
      total += size;
    }
  }
  return { firstVertex, total };
}

/** [S] the weight gamma that decides how a quad is split. */
export function splitWeights(field: VoxelField, cubes: SurfaceCubes): Float32Array {
  const gamma = new Float32Array(cubes.count);
  for (let cube = 0; cube < cubes.count; cube++) {
    const [x, y, z] = cubeAt(cubes, cube);
    const row = rowOfCube(field, x, y, z);
    const raw = row < 0 ? 0 : (field.voxels.features[row + GAMMA_CHANNEL] as number);
    gamma[cube] = WEIGHT_SCALE / (1 + Math.exp(-raw)) + (1 - WEIGHT_SCALE) / 2;
  }
  return gamma;
}

function weight(raw: number): number {
  return WEIGHT_SCALE * Math.tanh(raw) + 1;
}

function cubeAt(cubes: SurfaceCubes, cube: number): [number, number, number] {
  return [cubes.coords[cube * 3] as number, cubes.coords[cube * 3 + 1] as number, cubes.coords[cube * 3 + 2] as number];
}

/** Offset of the cube's features, -1 when it is not active. */
function rowOfCube({ active, rowOf }: VoxelField, x: number, y: number, z: number): number {
  return active.has(x, y, z) ? (rowOf[active.rank(x, y, z)] as number) * FEATURE_CHANNELS : -1;
}
