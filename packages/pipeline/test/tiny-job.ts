import { fileURLToPath } from 'node:url';
import type { Job } from '@espalier/contracts';

export const TINY_MODEL = fileURLToPath(new URL('../../../models/trellis-tiny', import.meta.url));

/** Small enough that a run takes seconds, large enough that every stage has something to do. */
export function tinyJob(
  changes: Partial<Job['input']> & { id?: string; deadline_seconds?: number; steps?: number } = {},
): Job {
  const { id = 'job', deadline_seconds, steps = 8, ...input } = changes;
  return {
    id,
    input: { prompt: 'A wooden treasure chest', seed: 42, simplify: 0.95, texture_size: 128, ...input },
    outputs: ['glb'],
    sampler: { structure: { steps }, latent: { steps } },
    tags: {},
    ...(deadline_seconds !== undefined && { deadline_seconds }),
  };
}
