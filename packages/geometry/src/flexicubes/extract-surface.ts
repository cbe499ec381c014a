/**
 * FlexiCubes over sparse voxels: the surface where the sdf changes sign, as dual marching cubes with learned weights.
 *
 * After Shen et al. 2023, "Flexible Isosurface Extraction for Gradient-Based Mesh Optimization", as TRELLIS runs it:
 * vertices are weighted means of edge crossings, without a quadratic error function. Only cubes that the surface
 * passes through hold floats; the whole grid is held as bits.
 */

import { TerminalError } from '@espalier/contracts';
import { checkpoint, type Interruptible } from '../interruptible.ts';
import type { RawMesh } from '../mesh/mesh.ts';
import { placeDualVertices } from './dual-vertices.ts';
import { fillEnclosed } from './fill-enclosed.ts';
import { connectDualVertices } from './quads.ts';
import { crossingEnds, findSurfaceCubes } from './surface-cubes.ts';
import { buildVoxelField, readVertexValues, type SparseVoxels } from './voxel-field.ts';

export interface ExtractSurfaceOptions extends SparseVoxels, Interruptible {
  /**
   * Treat what lies enclosed behind the active band as solid, so that no inner wall grows there. Default true;
   * false gives exactly what TRELLIS gives. See `fillEnclosed`.
   */
  readonly fillEnclosed?: boolean;
}

/**
 * Vertices and faces come in the order of the reference implementation. A field without a sign change gives a mesh
 * without faces.
 *
 * @throws TerminalError `VOXELS_INVALID` when coords, features and resolution do not fit together,
 *   `SURFACE_NOT_FINITE` when the features hold NaN or infinity near the surface; CancelledError when interrupted.
 */
export function extractSurface(options: ExtractSurfaceOptions): RawMesh {
  checkpoint(options, 0);
  const field = buildVoxelField(options);
  checkpoint(options, 0.25);
  if (options.fillEnclosed ?? true) fillEnclosed(field);
  checkpoint(options, 0.4);
  const cubes = findSurfaceCubes(field.negative, options.resolution);
  const values = readVertexValues(field, crossingEnds(field.negative));
  checkpoint(options, 0.65);
  const dual = placeDualVertices(field, cubes, values);
  checkpoint(options, 0.85);
  for (const value of dual.positions) {
    if (Number.isFinite(value)) continue;
    throw new TerminalError('features hold NaN or infinity near the surface', {
      code: 'SURFACE_NOT_FINITE',
      field: 'features',
      remedy: 'The decoder overflowed: run it in float32.',
    });
  }
  const indices = connectDualVertices(field, cubes, dual.firstVertex);
  checkpoint(options, 1);
  return { positions: dual.positions, indices, attributes: dual.attributes };
}
