/** The surface stage: from what the decoder gave to a clean, closed mesh of the wanted size. */

import { TerminalError } from '@espalier/contracts';
import { checkpoint, type Interruptible } from '../interruptible.ts';
import { dropDegenerateFaces, dropUnusedVertices, weldBoundaries } from '../mesh/compact.ts';
import { faceCount, type RawMesh } from '../mesh/mesh.ts';
import { boundsOf } from '../mesh/topology.ts';
import { dropBrokenFaces } from './broken-faces.ts';
import { fillHoles } from './fill-holes.ts';
import { removeHiddenFaces } from './hidden-faces.ts';
import { type SimplifyOptions, simplify } from './simplify.ts';
import { removeSpecks } from './specks.ts';
import { splitNonManifold } from './split-non-manifold.ts';

export interface CleanSurfaceOptions extends SimplifyOptions, Interruptible {
  /** Holes of the input up to this share of its largest extent are closed, larger ones stay. Default 0.1. */
  readonly maxHoleShare?: number;
}

export interface CleanSurfaceReport {
  readonly facesIn: number;
  /** Faces with corners that are no finite numbers, or no corners at all. */
  readonly brokenFaces: number;
  readonly hiddenFaces: number;
  readonly speckFaces: number;
  readonly holesClosed: number;
  readonly holesLeft: number;
  /** Faces before simplification: what the share counts from. */
  readonly cleanFaces: number;
  readonly facesOut: number;
  /** Largest estimated error of the simplification, world units. */
  readonly simplifyError: number;
}

export interface CleanSurfaceResult {
  /** Clean, not simplified: what textures are baked from. */
  readonly clean: RawMesh;
  /** Clean and simplified. */
  readonly mesh: RawMesh;
  readonly report: CleanSurfaceReport;
}

/**
 * Drops broken, degenerate and doubled faces, welds cracks, separates sheets that only touch, removes what cannot be
 * seen and what is only a speck, closes holes, simplifies. Deterministic.
 *
 * @throws TerminalError `MESH_EMPTY` when no face is left; CancelledError when interrupted.
 */
export async function cleanSurface(raw: RawMesh, options: CleanSurfaceOptions): Promise<CleanSurfaceResult> {
  const { maxHoleShare = 0.1, signal, onProgress } = options;
  checkpoint(options, 0);
  const sound = dropBrokenFaces(raw);
  let mesh = splitNonManifold(weldBoundaries(dropUnusedVertices(dropDegenerateFaces(sound))));
  if (faceCount(mesh) === 0) throw emptyMesh();
  checkpoint(options, 0.1);
  const { min, max } = boundsOf(mesh.positions);
  const extent = Math.max(...min.map((low, k) => (max[k] as number) - low));
  const small = fillHoles(mesh, { maxSize: extent * maxHoleShare, signal });
  mesh = small.mesh;
  checkpoint(options, 0.2);

  const hidden = removeHiddenFaces(mesh, {
    signal,
    onProgress: onProgress && ((share) => onProgress(0.2 + 0.5 * share)),
  });
  const rimsBefore = small.left;
  mesh = dropUnusedVertices(mesh, hidden.indices);
  // Rims that the removal made were closed before, so they are closed whatever their size.
  const reclosed =
    hidden.removed > 0 && rimsBefore === 0
      ? fillHoles(mesh, { signal })
      : fillHoles(mesh, { maxSize: extent * maxHoleShare, signal });
  mesh = splitNonManifold(reclosed.mesh);
  const specks = removeSpecks(mesh);
  mesh = dropUnusedVertices(mesh, specks.indices);
  if (faceCount(mesh) === 0) throw emptyMesh();
  checkpoint(options, 0.75);

  const simplified = await simplify(mesh, options);
  const result = splitNonManifold(simplified.mesh);
  checkpoint(options, 1);
  return {
    clean: mesh,
    mesh: result,
    report: {
      facesIn: faceCount(raw),
      brokenFaces: faceCount(raw) - faceCount(sound),
      hiddenFaces: hidden.removed,
      speckFaces: specks.removed,
      holesClosed: small.closed + reclosed.closed,
      holesLeft: reclosed.left,
      cleanFaces: faceCount(mesh),
      facesOut: faceCount(result),
      simplifyError: simplified.error,
    },
  };
}

function emptyMesh(): TerminalError {
  return new TerminalError('the mesh has no usable face', {
    code: 'MESH_EMPTY',
    field: 'mesh',
    remedy: 'The model found no surface: try another seed or a clearer prompt.',
  });
}
