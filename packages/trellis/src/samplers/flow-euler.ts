/**
 * `FlowEulerSampler`, `FlowEulerCfgSampler` and `FlowEulerGuidanceIntervalSampler`: one class, since they differ only in
 * when they guide. Independent of the network: it asks for velocities.
 *
 * Works step by step. After each step the state can be saved; sampling resumes from any saved state and ends in the
 * same sample, bit for bit.
 */
import { CancelledError, EspalierError, TerminalError } from '@espalier/contracts';
import type { SamplerConfig } from '../repository/index.ts';
import { eulerStep, guidedVelocity, predictX0 } from './euler-step.ts';
import { type SchedulePoint, schedule } from './schedule.ts';

/** Settings of `pipeline.json` that a job may override. */
export type SamplerParams = SamplerConfig['params'];
export type SamplerOverrides = { readonly [K in keyof SamplerParams]?: SamplerParams[K] | undefined };

/** Where sampling stands: everything that is needed to go on. */
export interface SamplerState {
  /** Steps done. */
  readonly step: number;
  /** The sample after them; never written to. */
  readonly sample: Float32Array;
}

export interface SamplerStep {
  readonly state: SamplerState;
  /** Steps in all. */
  readonly steps: number;
  /** The step that was done: its times, and whether it was guided. */
  readonly point: SchedulePoint;
  /** What the finished sample would be by this step's velocity. Computed when called. */
  readonly predictX0: () => Float32Array;
}

/**
 * The network's velocities at a sample, one for each condition: both of a guided step are asked for at once.
 * @param t 1000 times the time, rounded to float32, as the networks take it.
 */
export type Velocities<C> = (x: Float32Array, t: number, conditions: readonly C[]) => Promise<readonly Float32Array[]>;

export interface SampleOptions<C> {
  readonly velocities: Velocities<C>;
  /** Condition of the prompt. */
  readonly cond: C;
  /** Condition of the empty prompt, for guidance. */
  readonly negative: C;
  /** Noise at time 1, or a saved state. */
  readonly start: Float32Array | SamplerState;
  /** Looked at before each step. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each step and waited for. What it throws ends the sampling. */
  readonly onStep?: ((step: SamplerStep) => void | Promise<void>) | undefined;
}

export class FlowEulerSampler {
  readonly config: SamplerConfig;
  readonly schedule: readonly SchedulePoint[];

  /** @param overrides Settings of a job; those left out or undefined are the model's. */
  constructor(config: SamplerConfig, overrides: SamplerOverrides = {}) {
    const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
    this.config = { ...config, params: { ...config.params, ...given } };
    this.schedule = schedule(this.config);
  }

  get steps(): number {
    return this.schedule.length;
  }

  /** What the network is asked at in each step: 1000 times the time, rounded to float32. */
  get times(): readonly number[] {
    return this.schedule.map(networkTime);
  }

  /**
   * Does one step.
   * @throws TerminalError `SAMPLER_STATE_INVALID` for a state of another schedule; `SAMPLE_NOT_FINITE` when the network
   *   gives no numbers, or not as many as the sample has.
   */
  async step<C>(
    state: SamplerState,
    options: Pick<SampleOptions<C>, 'velocities' | 'cond' | 'negative'>,
  ): Promise<SamplerStep> {
    const point = this.schedule[state.step];
    if (point === undefined) {
      throw invalidState(`step ${state.step} of ${this.steps}`);
    }
    const { sample } = state;
    const t = networkTime(point);
    const { params, args } = this.config;
    const conditions = point.guided ? [options.cond, options.negative] : [options.cond];
    const [conditional, negative] = await options.velocities(sample, t, conditions);
    const velocity = point.guided
      ? conditional && negative && guidedVelocity(conditional, negative, params.cfg_strength)
      : conditional;
    if (velocity?.length !== sample.length || !velocity.every(Number.isFinite)) {
      throw new TerminalError(`sampler: step ${state.step + 1} of ${this.steps} gave no finite velocity`, {
        code: 'SAMPLE_NOT_FINITE',
        remedy: 'Check the weights; a model that overflows in float16 may need float32.',
      });
    }
    return {
      state: { step: state.step + 1, sample: eulerStep(sample, velocity, point.t, point.next) },
      steps: this.steps,
      point,
      predictX0: () => predictX0(sample, velocity, point.t, args.sigma_min),
    };
  }

  /**
   * Does the steps that are left.
   * @returns The sample at time 0.
   * @throws CancelledError when the signal is aborted, between two steps; what it was aborted with when that is an
   *   error of this project. TerminalError as `step`.
   */
  async sample<C>(options: SampleOptions<C>): Promise<Float32Array> {
    let state = options.start instanceof Float32Array ? { step: 0, sample: options.start } : options.start;
    if (!Number.isInteger(state.step) || state.step < 0 || state.step > this.steps) {
      throw invalidState(`step ${state.step} of ${this.steps}`);
    }
    while (state.step < this.steps) {
      throwIfAborted(options.signal);
      const done = await this.step(state, options);
      state = done.state;
      await options.onStep?.(done);
    }
    return state.sample;
  }
}

function networkTime({ t }: SchedulePoint): number {
  return Math.fround(1000 * t);
}

function invalidState(what: string): TerminalError {
  return new TerminalError(`sampler: cannot go on from ${what}`, { code: 'SAMPLER_STATE_INVALID', field: 'step' });
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) {
    throw signal.reason instanceof EspalierError
      ? signal.reason
      : new CancelledError('cancelled', { cause: signal.reason });
  }
}
