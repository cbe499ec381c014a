/** Fewer faces for the same shape: quadric error edge collapses (meshoptimizer), then vertices where they fit best. */

import { TerminalError } from '@espalier/contracts';
import { MeshoptSimplifier } from 'meshoptimizer';
import { dropDegenerateFaces, dropUnusedVertices } from '../mesh/compact.ts';
import { ATTRIBUTE_CHANNELS, faceCount, type RawMesh } from '../mesh/mesh.ts';
import type { Components } from '../mesh/topology.ts';
import { anchorPieces } from './anchor-pieces.ts';
import { refineVertices } from './refine-vertices.ts';

export interface SimplifyOptions {
  /** Share of the faces to remove, 0 to 1; 1 removes all that the silhouette can spare. */
  readonly simplify?: number;
  /** Wanted number of faces, instead of `simplify`. */
  readonly targetFaces?: number;
  /** Never keep more faces than this, whatever the share says. Default: no limit. */
  readonly maxFaces?: number;
}

export interface SimplifyResult {
  readonly mesh: RawMesh;
  /** Largest error that a collapse was estimated to make, world units. */
  readonly error: number;
}

/** At `simplify: 1` collapses stop at this error, as a share of the largest extent. */
export const SILHOUETTE_TOLERANCE = 0.005;
/** How much a step of 1 in a colour channel counts against a move of one extent. Textures carry the colour, so little. */
const COLOR_WEIGHT = 0.02;
/** World units, a few float32 steps: what keeps vertices apart that stand in one place. */
const NUDGE = 2.5e-7;

/**
 * The result stays closed and manifold where the input is; vertices move to where the error is least.
 * meshoptimizer may stop above the wanted number where only a change of topology could go on.
 *
 * @throws TerminalError `SIMPLIFY_INVALID` for a share outside [0, 1] or a target that is no positive integer.
 */
export async function simplify(mesh: RawMesh, options: SimplifyOptions): Promise<SimplifyResult> {
  const collapsed = await collapseEdges(mesh, options);
  if (collapsed.mesh === mesh) return collapsed;
  return { ...collapsed, mesh: { ...collapsed.mesh, positions: refineVertices(collapsed.mesh, mesh) } };
}

/**
 * The first half of `simplify`; the same mesh when there is nothing to do.
 *
 * @param pieces those of the mesh, where they are known.
 */
export async function collapseEdges(
  mesh: RawMesh,
  options: SimplifyOptions,
  pieces?: Components,
): Promise<SimplifyResult> {
  const faces = faceCount(mesh);
  const wanted = wantedFaces(faces, options);
  if (wanted >= faces) return { mesh, error: 0 };
  await MeshoptSimplifier.ready;
  const bounded = options.targetFaces === undefined && options.simplify === 1;
  let indices = mesh.indices.slice();
  const positions = mesh.positions.slice();
  separateCoincident(positions);
  const attributes = mesh.attributes.slice();
  const weights = [COLOR_WEIGHT, COLOR_WEIGHT, COLOR_WEIGHT, 0, 0, 0];
  const anchors = anchorPieces(mesh, wanted, pieces);
  const collapse = (target: number, tolerance: number): [number, number] =>
    MeshoptSimplifier.simplifyWithUpdate(
      indices,
      positions,
      3,
      attributes,
      ATTRIBUTE_CHANNELS,
      weights,
      anchors ?? null,
      target * 3,
      tolerance,
      [],
    );
  const scale = MeshoptSimplifier.getScale(mesh.positions, 3);
  let [length, error] = collapse(bounded ? 0 : wanted, bounded ? SILHOUETTE_TOLERANCE : Number.MAX_VALUE);
  const { maxFaces = Number.POSITIVE_INFINITY } = options;
  if (bounded && length > maxFaces * 3) {
    indices = indices.slice(0, length);
    [length, error] = collapse(maxFaces, Number.MAX_VALUE);
  }
  const collapsed = dropDegenerateFaces({ positions, attributes, indices: indices.slice(0, length) }, true);
  const result = dropUnusedVertices(collapsed);
  const kept = result.attributes;
  for (let i = 0; i < kept.length; i++) kept[i] = Math.min(Math.max(kept[i] as number, 0), 1);
  return { mesh: result, error: error * scale };
}

/** meshoptimizer takes vertices in one place for one vertex, which would join sheets that only touch. */
function separateCoincident(positions: Float32Array): void {
  const first = MeshoptSimplifier.generatePositionRemap(positions, 3);
  const met = new Map<number, number>();
  for (let v = 0; v < first.length; v++) {
    const original = first[v] as number;
    if (original === v) continue;
    const count = (met.get(original) ?? 0) + 1;
    met.set(original, count);
    const k = v * 3 + (count % 3);
    positions[k] = (positions[k] as number) + count * NUDGE;
  }
}

/** @throws TerminalError `SIMPLIFY_INVALID` */
export function wantedFaces(faces: number, { simplify: share, targetFaces, maxFaces }: SimplifyOptions): number {
  if (share !== undefined && !(share >= 0 && share <= 1)) throw invalid('simplify', share, 'a number from 0 to 1');
  for (const [field, value] of Object.entries({ targetFaces, maxFaces })) {
    if (value === undefined || (Number.isInteger(value) && value > 0)) continue;
    throw invalid(field, value, 'a positive integer');
  }
  const wanted = targetFaces ?? Math.round(faces * (1 - (share ?? 0)));
  return Math.min(wanted, maxFaces ?? wanted);
}

function invalid(field: string, value: number, remedy: string): TerminalError {
  return new TerminalError(`${field} is ${value}`, { code: 'SIMPLIFY_INVALID', field, remedy: `Give ${remedy}.` });
}
