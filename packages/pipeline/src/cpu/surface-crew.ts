/** The pool's threads as those who do the surface stage's steps. */
import type { SurfaceCrew } from '@espalier/geometry';
import type { CpuTasks } from './cpu-pool.ts';

export function surfaceCrew(cpu: CpuTasks, signal?: AbortSignal): SurfaceCrew {
  return {
    size: cpu.size,
    // What a step gives is known by its name alone.
    run: async (step, input, onProgress) =>
      (await cpu.run('surface', { step, input }, { signal, onProgress })) as never,
  };
}
