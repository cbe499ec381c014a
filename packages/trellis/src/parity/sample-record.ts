/** A sampling as cases record it: its schedule, the sample after every step, and what it was taken to end in. */
import { z } from 'zod';
import type { SamplerConfig } from '../repository/index.ts';
import { FlowEulerSampler, type SamplerStep } from '../samplers/index.ts';
import type { CaseFile } from './case-file.ts';
import type { Computed } from './parity-case.ts';

const ParamsSchema = z.strictObject({
  steps: z.int().min(1).max(10_000).optional(),
  cfg_strength: z.number().optional(),
  cfg_interval: z.tuple([z.number(), z.number()]).optional(),
  rescale_t: z.number().positive().optional(),
});

/**
 * The model's sampler with the settings of a case.
 * @throws TerminalError `PARITY_CASE_INVALID` when they are none.
 */
export function samplerOf(config: SamplerConfig, params: unknown, file: CaseFile): FlowEulerSampler {
  const parsed = ParamsSchema.safeParse(params);
  if (!parsed.success) {
    throw file.invalid('params', z.prettifyError(parsed.error), parsed.error);
  }
  return new FlowEulerSampler(config, parsed.data);
}

export class SampleRecord {
  readonly #sampler: FlowEulerSampler;
  readonly #samples: Float32Array[] = [];
  readonly #predictions: Float32Array[] = [];

  constructor(sampler: FlowEulerSampler) {
    this.#sampler = sampler;
  }

  *schedule(): Generator<Computed> {
    const points = this.#sampler.schedule;
    const times = Float64Array.from([...points.map(({ t }) => t), points.at(-1)?.next ?? Number.NaN]);
    yield { key: 't_seq', kind: 'exact', data: times };
    yield { key: 'guided', kind: 'exact', data: Int32Array.from(points, ({ guided }) => Number(guided)) };
  }

  add(step: SamplerStep): void {
    this.#samples.push(step.state.sample);
    this.#predictions.push(step.predictX0());
  }

  *samples(): Generator<Computed> {
    yield { key: 'steps', kind: 'sampled', data: joined(this.#samples) };
    yield { key: 'x0', kind: 'sampled', data: joined(this.#predictions) };
  }
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    out.set(part, offset);
    offset += part.length;
  }
  return out;
}
