/** The surface stage: from what the decoder gave to a clean, closed mesh of the wanted size. */

import { checkpoint, type Interruptible } from '../interruptible.ts';
import { faceCount, type RawMesh } from '../mesh/mesh.ts';
import { shareArrays } from '../shared-arrays.ts';
import { emptyAnswers } from './hidden-faces.ts';
import { REFINING_ROUNDS } from './refine-vertices.ts';
import { type SimplifyOptions, wantedFaces } from './simplify.ts';
import { type RepairedSurface, SURFACE_STEPS, type SurfaceStep, type SurfaceSteps } from './surface-steps.ts';

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

/** Who does the steps: this thread, or a pool of others. */
export interface SurfaceCrew {
  /** Steps that can run at a time. */
  readonly size: number;
  run<S extends SurfaceStep>(
    step: S,
    input: Parameters<SurfaceSteps[S]>[0],
    onProgress?: (share: number) => void,
  ): Promise<Awaited<ReturnType<SurfaceSteps[S]>>>;
}

/**
 * Drops broken, degenerate and doubled faces, welds cracks, separates sheets that only touch, removes what cannot be
 * seen and what is only a speck, closes holes, simplifies. The same bytes by a crew of any size.
 *
 * @throws TerminalError `MESH_EMPTY` when no face is left, `SIMPLIFY_INVALID`; CancelledError when interrupted.
 */
export async function cleanSurface(
  raw: RawMesh,
  options: CleanSurfaceOptions,
  crew: SurfaceCrew = thisThread(options),
): Promise<CleanSurfaceResult> {
  const { maxHoleShare = 0.1, simplify, targetFaces, maxFaces } = options;
  checkpoint(options, 0);
  const repaired = await crew.run('repair', { raw: shareArrays(raw), maxHoleShare });
  checkpoint(options, 0.2);

  const seen = new Uint8Array(new SharedArrayBuffer(faceCount(repaired.mesh)));
  const nextView = counter();
  let furthest = 0;
  const tellProgress = (share: number) => {
    furthest = Math.max(furthest, share);
    options.onProgress?.(0.2 + 0.25 * furthest);
  };
  await together(crew, nextView, () => crew.run('see', { repaired, seen, next: nextView }, tellProgress));
  checkpoint(options, 0.45);
  const cleaned = await crew.run('clean', { repaired, ...(await findHidden(crew, repaired, seen)) });
  checkpoint(options, 0.6);

  const wanted = {
    ...(simplify !== undefined && { simplify }),
    ...(targetFaces !== undefined && { targetFaces }),
    ...(maxFaces !== undefined && { maxFaces }),
  };
  const isSmaller = wantedFaces(faceCount(cleaned.mesh), wanted) < faceCount(cleaned.mesh);
  // What holds vertices back at the end is made ready while one thread is busy with the collapses.
  const [collapsed, cells] = await allSettled([
    crew.run('collapse', { mesh: cleaned.mesh, pieces: cleaned.pieces, options: wanted }),
    isSmaller ? crew.run('cells', cleaned.mesh) : undefined,
  ]);
  let { refining } = collapsed;
  for (let round = 0; round < REFINING_ROUNDS && refining !== undefined; round++) {
    checkpoint(options, 0.75 + (0.2 * round) / REFINING_ROUNDS);
    const task = { refining, next: counter() };
    await together(crew, task.next, () => crew.run('nearest', task));
    refining = await crew.run('fit', refining);
  }
  checkpoint(options, 0.95);
  const settled = await crew.run('settle', { collapsed: collapsed.mesh, refining, clean: cleaned.mesh, cells });
  checkpoint(options, 1);
  const [clean, mesh] = [unshared(cleaned.mesh), unshared(settled)];
  return {
    clean,
    mesh,
    report: {
      facesIn: faceCount(raw),
      brokenFaces: repaired.brokenFaces,
      hiddenFaces: cleaned.hiddenFaces,
      speckFaces: cleaned.speckFaces,
      holesClosed: repaired.holesClosed + cleaned.holesClosed,
      holesLeft: cleaned.holesLeft,
      cleanFaces: faceCount(clean),
      facesOut: faceCount(mesh),
      simplifyError: collapsed.error,
    },
  };
}

/** Above this share of unseen faces there is an inner shell, and rays will be needed. */
const SHELL_SHARE = 0.1;

async function findHidden(crew: SurfaceCrew, repaired: RepairedSurface, seen: Uint8Array) {
  const { positions, indices } = repaired.mesh;
  const mesh = { positions, indices };
  let unseen = 0;
  for (let face = 0; face < seen.length; face++) if (seen[face] === 0) unseen++;
  const [suspects, early] = await allSettled([
    crew.run('suspect', { repaired, seen }),
    unseen > seen.length * SHELL_SHARE ? crew.run('cells', mesh) : undefined,
  ]);
  if (suspects.samples.length === 0) return { suspects, answers: undefined };
  const cells = early ?? (await crew.run('cells', mesh));
  const answers = emptyAnswers(suspects);
  await together(crew, answers.counters, () => crew.run('ask', { mesh, cells, suspects, answers }));
  return { suspects, answers };
}

function thisThread({ signal }: Interruptible): SurfaceCrew {
  return {
    size: 1,
    run: async (step, input, onProgress) => {
      const run = SURFACE_STEPS[step] as (of: typeof input, options: Interruptible) => never;
      return run(input, { signal, onProgress });
    },
  };
}

/** Both results; waits for both, also when one fails: nothing goes on behind the caller's back. */
async function allSettled<A, B>(work: [Promise<A>, Promise<B> | undefined]): Promise<[A, B | undefined]> {
  await Promise.allSettled(work);
  return Promise.all(work);
}

/** All of the crew at once, and all are waited for. `next[0]` counts what is taken. */
async function together({ size }: SurfaceCrew, next: Int32Array, work: () => Promise<void>): Promise<void> {
  const all = Array.from({ length: size }, () =>
    work().catch((error: unknown) => {
      // What the others would still do is of no use.
      Atomics.store(next, 0, 1e9);
      throw error;
    }),
  );
  await Promise.allSettled(all);
  await Promise.all(all);
}

/** In shared memory. */
function counter(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(4));
}

/** Digests and encoders refuse memory that other threads could change under them. */
function unshared({ positions, indices, attributes }: RawMesh): RawMesh {
  return { positions: positions.slice(), indices: indices.slice(), attributes: attributes.slice() };
}
