/**
 * Finds what cannot be seen from outside: inner shells, and inner walls that noise has joined to the outer one.
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
import { sphereDirections, type View, viewOf } from '../raster/camera.ts';
import { SeenFaces } from '../raster/seen-faces.ts';
import { FaceGrid } from '../spatial/face-grid.ts';

/** Directions to look from, and pixels along one side of each view. */
const VIEWS = 26;
const VIEW_SIZE = 512;
/** Unseen patches that are attached to seen faces stay below this share of the whole area. */
const CREVICE_SHARE = 0.002;
/** Area of the mesh over the squared radius of its sphere, up to which views have their full size. */
const MAX_LAYERS = 60;
/** Patches that rays are spent on, largest first; smaller ones stay. */
const MAX_PATCHES = 256;
const RAY_FACES = 96;
const RAYS_PER_FACE = 48;
/** A patch stays when more than this share of its rays get out. */
const OPEN_SHARE = 0.01;
/** Rays are tested against this many faces in all; patches that are left then stay. */
const MAX_TESTS = 2e8;

/** From where a mesh is looked at. Plain data, so that threads can share the work. */
export interface LookPlan {
  readonly views: readonly View[];
  /** Pixels along one side. */
  readonly size: number;
  readonly cullsBack: boolean;
}

export function planLooks(mesh: TriangleMesh, isClosed: boolean): LookPlan {
  const { min, max } = boundsOf(mesh.positions);
  const center = min.map((low, k) => (low + (max[k] as number)) / 2) as [number, number, number];
  const radius = Math.hypot(...min.map((low, k) => ((max[k] as number) - low) / 2)) || 1;
  // Drawing costs as many pixels as all faces cover; heaps of large faces over each other get fewer.
  const layers = surfaceArea(mesh) / (radius * radius);
  return {
    views: sphereDirections(VIEWS).map((direction) => {
      const eye = center.map((value, k) => value + (direction[k] as number) * radius * 2) as [number, number, number];
      return viewOf({ eye, target: center, up: [0, 0, 1], halfHeight: radius * 1.01 });
    }),
    size: Math.max(64, Math.floor(VIEW_SIZE * Math.min(1, Math.sqrt(MAX_LAYERS / layers)))),
    cullsBack: isClosed,
  };
}

/**
 * Takes views from the plan until none is left. Threads that share `seen` and `next` share the work; which of them
 * takes which view changes nothing.
 *
 * @param seen [F] set to 1 for faces that a view shows.
 * @param next number of the next view.
 */
export function look(
  mesh: TriangleMesh,
  plan: LookPlan,
  seen: Uint8Array,
  next: Int32Array,
  options: Interruptible = {},
): void {
  const drawing = new SeenFaces(mesh, plan);
  for (let i = Atomics.add(next, 0, 1); i < plan.views.length; i = Atomics.add(next, 0, 1)) {
    checkpoint(options, i / plan.views.length);
    drawing.mark(plan.views[i] as View, seen);
  }
}

/**
 * The faces that stay, and how many went: of those that no view showed, what is hidden. Boundaries that this opens are
 * for `fillHoles`.
 *
 * @param seen [F] 1 for faces that a view showed.
 */
export function removeUnseenFaces(
  mesh: TriangleMesh,
  seen: Uint8Array,
  options: Interruptible = {},
): { indices: Uint32Array; removed: number } {
  const smallest = surfaceArea(mesh) * CREVICE_SHARE;
  const candidates = unseenPatches(mesh, seen)
    .filter(({ isAttached, area }) => !isAttached || area >= smallest)
    .sort((a, b) => b.area - a.area || (a.faces[0] as number) - (b.faces[0] as number))
    .slice(0, MAX_PATCHES);
  if (candidates.length === 0) return { indices: mesh.indices, removed: 0 };
  const isHidden = new Uint8Array(seen.length);
  const grid = new FaceGrid(mesh);
  let removed = 0;
  for (const { faces } of candidates) {
    checkpoint(options);
    if (openShare(mesh, grid, faces) > OPEN_SHARE) continue;
    for (const face of faces) isHidden[face] = 1;
    removed += faces.length;
  }
  return { indices: removed === 0 ? mesh.indices : filterFaces(mesh.indices, (face) => isHidden[face] === 0), removed };
}

interface Patch {
  /** The lowest number first. */
  readonly faces: Int32Array;
  readonly area: number;
  /** Shares an edge with a seen face. */
  readonly isAttached: boolean;
}

function unseenPatches(mesh: TriangleMesh, seen: Uint8Array): Patch[] {
  const neighbours = faceAdjacency(mesh);
  const visited = seen.slice();
  const queue = new Int32Array(seen.length);
  const patches: Patch[] = [];
  let filled = 0;
  for (let start = 0; start < visited.length; start++) {
    if (visited[start] === 1) continue;
    const first = filled;
    let [isAttached, area] = [false, 0];
    visited[start] = 1;
    queue[filled++] = start;
    for (let i = first; i < filled; i++) {
      const face = queue[i] as number;
      const [x, y, z] = crossProduct(mesh.positions, mesh.indices, face * 3);
      area += Math.sqrt(x * x + y * y + z * z) / 2;
      for (let k = face * 3; k < face * 3 + 3; k++) {
        const other = neighbours[k] as number;
        if (other < 0) continue;
        if (seen[other] === 1) isAttached = true;
        else if (visited[other] === 0) {
          visited[other] = 1;
          queue[filled++] = other;
        }
      }
    }
    patches.push({ faces: queue.subarray(first, filled), area, isAttached });
  }
  return patches;
}

/** Share of rays, from the middles of some faces into the half space before each, that hit nothing. */
function openShare(mesh: TriangleMesh, grid: FaceGrid, faces: Int32Array): number {
  const directions = sphereDirections(RAYS_PER_FACE * 2);
  const step = Math.max(1, faces.length / RAY_FACES);
  let [cast, open] = [0, 0];
  for (let i = 0; i < faces.length; i += step) {
    if (grid.tests > MAX_TESTS) return 1;
    const face = faces[Math.floor(i)] as number;
    const [nx, ny, nz] = crossProduct(mesh.positions, mesh.indices, face * 3);
    const middle = [0, 1, 2].map((k) => {
      const corner = (c: number) => mesh.positions[(mesh.indices[face * 3 + c] as number) * 3 + k] as number;
      return (corner(0) + corner(1) + corner(2)) / 3;
    }) as [number, number, number];
    for (const [dx, dy, dz] of directions) {
      if (nx * dx + ny * dy + nz * dz <= 0) continue;
      cast++;
      if (grid.isOpen(...middle, dx, dy, dz)) open++;
    }
  }
  return cast === 0 ? 0 : open / cast;
}
