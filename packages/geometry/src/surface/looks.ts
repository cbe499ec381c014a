/** Looks at a mesh from all around: which of its faces show at all. */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { boundsOf, surfaceArea } from '../mesh/topology.ts';
import { sphereDirections, type View, viewOf } from '../raster/camera.ts';
import { SeenFaces } from '../raster/seen-faces.ts';

/** Directions to look from, and pixels along one side of each view. */
const VIEWS = 26;
const VIEW_SIZE = 512;
/** Area of the mesh over the squared radius of its sphere, up to which views have their full size. */
const MAX_LAYERS = 60;

/** From where a mesh is looked at. Plain data, so that threads can share the work. */
export interface LookPlan {
  readonly views: readonly View[];
  /** Pixels along one side. */
  readonly size: number;
  readonly cullsBack: boolean;
  /** Of the mesh, square world units. */
  readonly area: number;
}

export function planLooks(mesh: TriangleMesh, isClosed: boolean): LookPlan {
  const { min, max } = boundsOf(mesh.positions);
  const center = min.map((low, k) => (low + (max[k] as number)) / 2) as [number, number, number];
  const radius = Math.hypot(...min.map((low, k) => ((max[k] as number) - low) / 2)) || 1;
  // Drawing costs as many pixels as all faces cover; heaps of large faces over each other get fewer.
  const area = surfaceArea(mesh);
  const layers = area / (radius * radius);
  return {
    views: sphereDirections(VIEWS).map((direction) => {
      const eye = center.map((value, k) => value + (direction[k] as number) * radius * 2) as [number, number, number];
      return viewOf({ eye, target: center, up: [0, 0, 1], halfHeight: radius * 1.01 });
    }),
    size: Math.max(64, Math.floor(VIEW_SIZE * Math.min(1, Math.sqrt(MAX_LAYERS / layers)))),
    cullsBack: isClosed,
    area,
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
