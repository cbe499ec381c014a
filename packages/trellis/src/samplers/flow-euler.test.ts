import { readFileSync } from 'node:fs';
import { CancelledError, LostClaimError } from '@espalier/contracts';
import { decodeSafetensors, TorchGenerator } from '@espalier/tensors';
import { describe, expect, it, vi } from 'vitest';
import type { SamplerConfig } from '../repository/index.ts';
import { FlowEulerSampler, type SamplerState, type Velocities } from './flow-euler.ts';
import { schedule, timePoints } from './schedule.ts';

const config: SamplerConfig = {
  name: 'FlowEulerGuidanceIntervalSampler',
  args: { sigma_min: 1e-5 },
  params: { steps: 12, cfg_strength: 7.5, cfg_interval: [0.5, 0.95], rescale_t: 3 },
};

/** Velocities that depend on all of their arguments, smooth and bounded. */
const velocities: Velocities<number> = async (x, t, conditions) =>
  conditions.map((cond) => x.map((value, i) => Math.sin(value * cond + t / 1000 + i)));
const start = () => new TorchGenerator(1).randn(64);
const both = { velocities, cond: 2, negative: -1 };

describe('schedule', () => {
  it('visits the times of the reference and guides where it does', () => {
    const path = new URL('../../test/goldens/cases/ss_sample.safetensors', import.meta.url);
    const { tensors } = decodeSafetensors(readFileSync(path), 'ss_sample');
    expect(timePoints(12, 3)).toEqual(tensors.get('t_seq')?.data);
    expect(schedule(config).map(({ guided }) => Number(guided))).toEqual([...(tensors.get('guided')?.data ?? [])]);
  });

  it('guides always or never with the other samplers', () => {
    expect(schedule({ ...config, name: 'FlowEulerSampler' }).some(({ guided }) => guided)).toBe(false);
    expect(schedule({ ...config, name: 'FlowEulerCfgSampler' }).every(({ guided }) => guided)).toBe(true);
  });

  it('ends at exactly 0 and joins each step to the next', () => {
    for (const steps of [1, 3, 25, 999]) {
      const points = schedule({ ...config, params: { ...config.params, steps } });
      expect(points[0]?.t).toBe(1);
      expect(points.at(-1)?.next).toBe(0);
      expect(points.slice(1).map(({ t }) => t)).toEqual(points.slice(0, -1).map(({ next }) => next));
    }
  });
});

describe('FlowEulerSampler', () => {
  it('asks for both velocities at once where it guides, for one elsewhere, at 1000 t in float32', async () => {
    const sampler = new FlowEulerSampler(config);
    const calls: [number, readonly number[]][] = [];
    const counted: Velocities<number> = (x, t, conditions) => {
      calls.push([t, conditions]);
      return velocities(x, t, conditions);
    };
    await sampler.sample({ ...both, velocities: counted, start: start() });
    const expected = sampler.schedule.map(({ t, guided }) => [Math.fround(1000 * t), guided ? [2, -1] : [2]]);
    expect(calls).toEqual(expected);
  });

  it('resumes from every step to the same sample, bit for bit', async () => {
    const sampler = new FlowEulerSampler(config);
    const states: SamplerState[] = [{ step: 0, sample: start() }];
    const whole = await sampler.sample({ ...both, start: start(), onStep: ({ state }) => void states.push(state) });
    expect(states).toHaveLength(13);
    for (const state of states) {
      const copy = { step: state.step, sample: state.sample.slice() };
      expect(await sampler.sample({ ...both, start: copy })).toEqual(whole);
    }
  });

  it('follows the closed form of a constant velocity', async () => {
    const constant: Velocities<null> = async (x) => [x.map(() => 0.25)];
    const x = start();
    const sampler = new FlowEulerSampler({ ...config, name: 'FlowEulerSampler' });
    const reported: Float32Array[] = [];
    const out = await sampler.sample({
      velocities: constant,
      cond: null,
      negative: null,
      start: x,
      onStep: ({ predictX0 }) => void reported.push(predictX0()),
    });
    for (const [i, value] of x.entries()) {
      expect(out[i]).toBeCloseTo(value - 0.25, 5);
      expect(reported[0]?.[i]).toBeCloseTo(value - 0.25, 4);
    }
  });

  it('stops between steps when asked, and waits for onStep', async () => {
    const controller = new AbortController();
    const steps: number[] = [];
    const run = new FlowEulerSampler(config).sample({
      ...both,
      start: start(),
      signal: controller.signal,
      onStep: async ({ state }) => {
        await Promise.resolve();
        steps.push(state.step);
        if (state.step === 3) controller.abort();
      },
    });
    await expect(run).rejects.toBeInstanceOf(CancelledError);
    expect(steps).toEqual([1, 2, 3]);
  });

  it('hands on the reason of an abort when it is one of our errors', async () => {
    const reason = new LostClaimError('another worker owns the job');
    const run = new FlowEulerSampler(config).sample({ ...both, start: start(), signal: AbortSignal.abort(reason) });
    await expect(run).rejects.toBe(reason);
  });

  it("takes a job's settings over the model's, and ignores undefined ones", () => {
    const sampler = new FlowEulerSampler(config, { steps: 4, cfg_interval: [0, 1], rescale_t: undefined });
    expect(sampler.config.params).toEqual({ steps: 4, cfg_strength: 7.5, cfg_interval: [0, 1], rescale_t: 3 });
    expect(sampler.schedule.every(({ guided }) => guided)).toBe(true);
  });

  it('refuses a state of another schedule, and velocities that are none', async () => {
    const sampler = new FlowEulerSampler(config);
    for (const step of [-1, 13, 0.5, Number.NaN]) {
      const run = sampler.sample({ ...both, start: { step, sample: start() } });
      await expect(run).rejects.toMatchObject({ code: 'SAMPLER_STATE_INVALID' });
    }
    const bad = vi.fn(async (x: Float32Array) => [x.map(() => Number.NaN)]);
    const run = sampler.sample({ ...both, velocities: bad, start: start() });
    await expect(run).rejects.toMatchObject({
      code: 'SAMPLE_NOT_FINITE',
      message: expect.stringContaining('step 1 of 12'),
    });
    const short = sampler.sample({ ...both, velocities: async () => [new Float32Array(3)], start: start() });
    await expect(short).rejects.toMatchObject({ code: 'SAMPLE_NOT_FINITE' });
    const one = sampler.sample({ ...both, velocities: async (x: Float32Array) => [x], start: start() });
    await expect(one).rejects.toMatchObject({ code: 'SAMPLE_NOT_FINITE' });
    const none = sampler.sample({ ...both, velocities: async () => [], start: start() });
    await expect(none).rejects.toMatchObject({ code: 'SAMPLE_NOT_FINITE' });
  });
});
