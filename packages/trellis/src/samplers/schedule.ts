/** Which times a sampler visits, and at which of them guidance is applied. Source: TRELLIS `pipelines/samplers/`. */
import type { SamplerConfig } from '../repository/index.ts';

export interface SchedulePoint {
  /** Time of the sample before the step, in (0, 1]. */
  readonly t: number;
  /** Time after it. */
  readonly next: number;
  /** True when the velocity is guided, which takes two evaluations of the network. */
  readonly guided: boolean;
}

/**
 * `steps + 1` times from 1 to 0 in float64: `1 + i * (-1/steps)`, the last exactly 0, then `r t / (1 + (r - 1) t)`.
 * The order of the operations is numpy's `linspace`, so that a bound of the guidance interval is met or missed as upstream.
 */
export function timePoints(steps: number, rescale: number): Float64Array {
  const step = -1 / steps;
  return Float64Array.from({ length: steps + 1 }, (_, i) => {
    const t = i === steps ? 0 : 1 + i * step;
    return (rescale * t) / (1 + (rescale - 1) * t);
  });
}

/** One point per step. */
export function schedule({ name, params }: SamplerConfig): SchedulePoint[] {
  const times = timePoints(params.steps, params.rescale_t);
  return Array.from({ length: params.steps }, (_, i) => {
    const t = times[i] as number;
    return { t, next: times[i + 1] as number, guided: isGuided(name, t, params.cfg_interval) };
  });
}

function isGuided(name: SamplerConfig['name'], t: number, [from, to]: readonly [number, number]): boolean {
  switch (name) {
    case 'FlowEulerSampler':
      return false;
    case 'FlowEulerCfgSampler':
      return true;
    case 'FlowEulerGuidanceIntervalSampler':
      return from <= t && t <= to;
  }
}
