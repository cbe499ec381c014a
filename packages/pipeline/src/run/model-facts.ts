/**
 * What of a model decides how checkpoints are called. A machine that runs no networks needs nothing else of it: a few hundred
 * bytes instead of the weights.
 */
import type { ModelRepository } from '@espalier/trellis';
import { z } from 'zod';
import { SamplerParamsSchema } from '../inference/protocol.ts';
import type { ModelFacts } from '../stages/stage.ts';

export const ModelFactsSchema = z.object({
  name: z.string().min(1),
  revision: z.string().regex(/^[0-9a-f]{64}$/),
  samplers: z.object({ structure: SamplerParamsSchema, latent: SamplerParamsSchema }),
});

/** Reads every file of the model, unless their digests are remembered. */
export async function modelFactsOf(repository: ModelRepository): Promise<ModelFacts> {
  const { sparse_structure_sampler: structure, slat_sampler: latent } = repository.pipeline;
  return {
    name: repository.name,
    revision: await repository.revision(),
    samplers: { structure: structure.params, latent: latent.params },
  };
}
