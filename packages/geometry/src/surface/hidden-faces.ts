/**
 * Removes what cannot be seen from outside: inner shells, and inner walls that noise has joined to the outer one.
 *
 * A face counts as seen when it is nearest in a pixel of one of many views from all around. What is left falls into
 * connected patches. Small patches are crevices and pixels' misses, and stay. Large ones are asked again by rays from
 * some of their faces: a patch from which hardly a ray gets out is hidden.
 */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import { faceAdjacency } from '../mesh/adjacency.ts';
import { filterFaces } from '../mesh/compact.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { boundsOf, crossProduct, surfaceArea } from '../mesh/topology.ts';
import { sphereDirections, viewOf } from '../raster/camera.ts';
import { rasterize } from '../raster/visibility.ts';
import { TriangleBvh } from '../spatial/triangle-bvh.ts';

export interface HiddenFacesOptions extends Interruptible {
  /** Directions to look from. Default 26. */
  readonly views?: number;
  /** Pixels along one side of each view. Default 512. */
  readonly viewSize?: number;
  /** Unseen patches that are attached to seen faces stay below this share of the whole area. Default 0.002. */
  readonly creviceShare?: number;
}

/** Area of the mesh over the squared radius of its sphere, up to which views have their full size. */
const MAX_LAYERS = 60;
/** Patches that rays are spent on, largest first; smaller ones stay. */
const MAX_PATCHES = 256;
const RAY_FACES = 96;
const RAYS_PER_FACE = 48;
/** A patch stays when more than this share of its rays get out. */
const OPEN_SHARE = 0.01;

/** The faces that stay, and how many went. Boundaries that this opens are for `fillHoles`. */
export function removeHiddenFaces(
  mesh: TriangleMesh,
  options: HiddenFacesOptions = {},
): { indices: Uint32Array; removed: number } {
  const { creviceShare = 0.002 } = options;
  const seen = findSeenFaces(mesh, options);
  const patches = unseenPatches(mesh, seen);
  const areas = Float64Array.from(seen, (_, face) =>
    Math.hypot(...crossProduct(mesh.positions, mesh.indices, face * 3)),
  );
  const total = areas.reduce((sum, area) => sum + area, 0);
  const isHidden = new Uint8Array(seen.length);
  const shares = patches.map(({ faces }) => faces.reduce((sum, face) => sum + (areas[face] as number), 0) / total);
  const candidates = patches
    .map((_, i) => i)
    .filter((i) => !patches[i]?.isAttached || (shares[i] as number) >= creviceShare)
    .sort((a, b) => (shares[b] as number) - (shares[a] as number) || a - b)
    .slice(0, MAX_PATCHES);
  const tree = candidates.length > 0 ? TriangleBvh.of(mesh) : undefined;
  for (const i of candidates) {
    checkpoint(options);
    const { faces } = patches[i] as Patch;
    if (tree === undefined || openShare(mesh, tree, faces) > OPEN_SHARE) continue;
    for (const face of faces) isHidden[face] = 1;
  }
  const removed = isHidden.reduce((sum, hidden) => sum + hidden, 0);
  return { indices: removed === 0 ? mesh.indices : filterFaces(mesh.indices, (face) => isHidden[face] === 0), removed };
}

function findSeenFaces(mesh: TriangleMesh, options: HiddenFacesOptions): Uint8Array {
  const { views = 26 } = options;
  const seen = new Uint8Array(mesh.indices.length / 3);
  const { min, max } = boundsOf(mesh.positions);
  const center = min.map((low, k) => (low + (max[k] as number)) / 2) as [number, number, number];
  const radius = Math.hypot(...min.map((low, k) => ((max[k] as number) - low) / 2)) || 1;
  // Drawing costs as many pixels as all faces cover; heaps of large faces over each other get fewer.
  const layers = surfaceArea(mesh) / (radius * radius);
  const viewSize = Math.max(64, Math.floor((options.viewSize ?? 512) * Math.min(1, Math.sqrt(MAX_LAYERS / layers))));
  sphereDirections(views).forEach((direction, i) => {
    checkpoint(options, i / views);
    const eye = center.map((value, k) => value + (direction[k] as number) * radius * 2) as [number, number, number];
    const view = viewOf({ eye, target: center, up: [0, 0, 1], halfHeight: radius * 1.01 });
    for (const face of rasterize(mesh, view, viewSize, viewSize).face) if (face >= 0) seen[face] = 1;
  });
  return seen;
}

interface Patch {
  readonly faces: number[];
  /** Shares an edge with a seen face. */
  readonly isAttached: boolean;
}

function unseenPatches(mesh: TriangleMesh, seen: Uint8Array): Patch[] {
  const neighbours = faceAdjacency(mesh);
  const visited = seen.slice();
  const patches: Patch[] = [];
  for (let start = 0; start < visited.length; start++) {
    if (visited[start] === 1) continue;
    const faces = [start];
    let isAttached = false;
    visited[start] = 1;
    for (let i = 0; i < faces.length; i++) {
      for (let k = 0; k < 3; k++) {
        const other = neighbours[(faces[i] as number) * 3 + k] as number;
        if (other < 0) continue;
        if (seen[other] === 1) isAttached = true;
        else if (visited[other] === 0) {
          visited[other] = 1;
          faces.push(other);
        }
      }
    }
    patches.push({ faces, isAttached });
  }
  return patches;
}

/** Share of rays, from the middles of some faces into the half space before each, that hit nothing. */
function openShare(mesh: TriangleMesh, tree: TriangleBvh, faces: readonly number[]): number {
  const directions = sphereDirections(RAYS_PER_FACE * 2);
  const step = Math.max(1, faces.length / RAY_FACES);
  let [cast, open] = [0, 0];
  for (let i = 0; i < faces.length; i += step) {
    const face = faces[Math.floor(i)] as number;
    const [nx, ny, nz] = crossProduct(mesh.positions, mesh.indices, face * 3);
    const middle = [0, 1, 2].map((k) => {
      const corner = (c: number) => mesh.positions[(mesh.indices[face * 3 + c] as number) * 3 + k] as number;
      return (corner(0) + corner(1) + corner(2)) / 3;
    }) as [number, number, number];
    for (const [dx, dy, dz] of directions) {
      if (nx * dx + ny * dy + nz * dz <= 0) continue;
      cast++;
      if (tree.castRay(...middle, dx, dy, dz, 1e-5, 10).face < 0) open++;
    }
  }
  return cast === 0 ? 0 : open / cast;
}
