/**
 * Finds what cannot be seen from outside: inner shells, and inner walls that noise has joined to the outer one.
 *
 * A face counts as seen when it is nearest in a pixel of one of many views from all around. What is left falls into
 * connected patches. Small patches are crevices and pixels' misses, and stay. Large ones are asked again by rays from
 * some of their faces: a patch from which hardly a ray gets out is hidden.
 */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import { faceAdjacency } from '../mesh/adjacency.ts';
import type { TriangleMesh } from '../mesh/mesh.ts';
import { crossProduct } from '../mesh/topology.ts';
import { sphereDirections } from '../raster/camera.ts';
import type { FaceCells } from '../spatial/face-cells.ts';
import { FaceGrid } from '../spatial/face-grid.ts';

/** Unseen patches that are attached to seen faces stay below this share of the whole area. */
const CREVICE_SHARE = 0.002;
/** Patches that rays are spent on, largest first; smaller ones stay. */
const MAX_PATCHES = 256;
const RAY_FACES = 96;
const RAYS_PER_FACE = 48;
/** A patch stays when more than this share of its rays get out. */
const OPEN_SHARE = 0.01;
/** Rays are tested against this many faces in all; patches that are left then stay. */
const MAX_TESTS = 2e8;
/** Tests are counted in so many at once where threads share the count: it stays within 32 bits. */
const TEST_UNIT = 1024;

/** Patches that may be hidden, the largest first. */
export interface Suspects {
  /** Faces of patch p: `faces` from `starts[p]` to before `starts[p + 1]`. */
  readonly faces: Int32Array;
  readonly starts: Int32Array;
  /** Faces that rays begin on, in the order of the patches: of patch p as many as `asked[p]`. */
  readonly asked: Int32Array;
  readonly samples: Int32Array;
}

/**
 * @param seen [F] 1 for faces that a view showed.
 * @param area of the mesh, square world units.
 * @param twins what `twinHalfEdges` gives, where the mesh is closed.
 */
export function findSuspects(mesh: TriangleMesh, seen: Uint8Array, area: number, twins?: Int32Array): Suspects {
  const smallest = area * CREVICE_SHARE;
  const patches = unseenPatches(mesh, seen, twins)
    .filter((patch) => !patch.isAttached || patch.area >= smallest)
    .sort((a, b) => b.area - a.area || (a.faces[0] as number) - (b.faces[0] as number))
    .slice(0, MAX_PATCHES);
  const samples: number[] = [];
  const asked = new Int32Array(patches.length);
  const starts = new Int32Array(patches.length + 1);
  patches.forEach(({ faces }, p) => {
    const before = samples.length;
    const step = Math.max(1, faces.length / RAY_FACES);
    for (let i = 0; i < faces.length; i += step) samples.push(faces[Math.floor(i)] as number);
    asked[p] = samples.length - before;
    starts[p + 1] = (starts[p] as number) + faces.length;
  });
  const faces = new Int32Array(starts.at(-1) as number);
  patches.forEach((patch, p) => {
    faces.set(patch.faces, starts[p] as number);
  });
  return { faces, starts, asked, samples: Int32Array.from(samples) };
}

/** What rays from each sample met; in shared memory where threads share the work. */
export interface RayAnswers {
  /** [S] rays cast, rays of them that met nothing, faces they were tested against. */
  readonly cast: Int32Array;
  readonly open: Int32Array;
  readonly tests: Float64Array;
  /** Number of the next sample; tests of all so far, in units. Both counted up by all threads. */
  readonly counters: Int32Array;
}

/** Room for the answers, before the first ray. */
export function emptyAnswers({ samples }: Suspects): RayAnswers {
  const counts = (length: number) => new Int32Array(new SharedArrayBuffer(length * 4));
  const tests = new Float64Array(new SharedArrayBuffer(samples.length * 8));
  return { cast: counts(samples.length), open: counts(samples.length), tests, counters: counts(2) };
}

/**
 * Casts rays from the middles of samples into the half space before each, until no sample is left or too much was
 * tested. Threads that share the answers share the work. A sample before which no more than `MAX_TESTS` were needed is
 * always answered: what was counted by then comes from samples before it.
 */
export function askSuspects(
  mesh: TriangleMesh,
  cells: FaceCells,
  { samples }: Suspects,
  { cast, open, tests, counters }: RayAnswers,
  options: Interruptible = {},
): void {
  const grid = new FaceGrid(mesh, cells);
  const directions = sphereDirections(RAYS_PER_FACE * 2);
  for (let i = Atomics.add(counters, 0, 1); i < samples.length; i = Atomics.add(counters, 0, 1)) {
    checkpoint(options);
    if (Atomics.load(counters, 1) > MAX_TESTS / TEST_UNIT) return;
    const face = samples[i] as number;
    const [nx, ny, nz] = crossProduct(mesh.positions, mesh.indices, face * 3);
    const middle = [0, 1, 2].map((k) => {
      const corner = (c: number) => mesh.positions[(mesh.indices[face * 3 + c] as number) * 3 + k] as number;
      return (corner(0) + corner(1) + corner(2)) / 3;
    }) as [number, number, number];
    const before = grid.tests;
    for (const [dx, dy, dz] of directions) {
      if (nx * dx + ny * dy + nz * dz <= 0) continue;
      cast[i] = (cast[i] as number) + 1;
      if (grid.isOpen(...middle, dx, dy, dz)) open[i] = (open[i] as number) + 1;
    }
    tests[i] = grid.tests - before;
    Atomics.add(counters, 1, Math.floor((tests[i] as number) / TEST_UNIT));
  }
}

/** [F] 1 for faces of patches from which hardly a ray gets out; undefined when there is none. */
export function hiddenFaces(
  faceCount: number,
  { faces, starts, asked }: Suspects,
  answers: RayAnswers,
): Uint8Array | undefined {
  const isHidden = new Uint8Array(faceCount);
  let [sample, tests, isAny] = [0, 0, false];
  for (let p = 0; p < asked.length; p++) {
    let [cast, open, isAnswered] = [0, 0, true];
    for (const end = sample + (asked[p] as number); sample < end; sample++) {
      if (tests > MAX_TESTS) isAnswered = false;
      tests += answers.tests[sample] as number;
      cast += answers.cast[sample] as number;
      open += answers.open[sample] as number;
    }
    if (!isAnswered || (cast > 0 && open / cast > OPEN_SHARE)) continue;
    for (let i = starts[p] as number; i < (starts[p + 1] as number); i++) isHidden[faces[i] as number] = 1;
    isAny = true;
  }
  return isAny ? isHidden : undefined;
}

interface Patch {
  /** The lowest number first. */
  readonly faces: Int32Array;
  readonly area: number;
  /** Shares an edge with a seen face. */
  readonly isAttached: boolean;
}

function unseenPatches(mesh: TriangleMesh, seen: Uint8Array, twins: Int32Array | undefined): Patch[] {
  const neighbours = twins === undefined ? faceAdjacency(mesh) : facesOf(twins);
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

/** [3F] the face of each half edge' twin. */
function facesOf(twins: Int32Array): Int32Array {
  const faces = new Int32Array(twins.length);
  for (let i = 0; i < twins.length; i++) faces[i] = (twins[i] as number) / 3;
  return faces;
}
