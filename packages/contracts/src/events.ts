/** What the pipeline tells while it works: the same events feed progress lines, logs, status records and stats. */
import type { StageName } from './stages.ts';
import type { StageStats } from './stats.ts';

/** Payload by event type. Every event also names its job. */
export interface PipelineEvents {
  /** The run begins; says nothing of earlier runs. */
  'job.started': { readonly prompt: string; readonly seed: number };
  /** `steps` where the stage counts them: sampler steps of `structure` and `latent`. */
  'stage.started': { readonly stage: StageName; readonly steps?: number; readonly resumedFromStep?: number };
  /** `step` steps of `steps` are done. */
  'stage.step': { readonly stage: StageName; readonly step: number; readonly steps: number };
  /** What is left of the stage under way needs no accelerator. Told where another job gains by it. */
  'device.freed': Record<never, never>;
  /** Durable in the store; `step` in the middle of a sampler. */
  'checkpoint.saved': {
    readonly stage: StageName;
    readonly key: string;
    readonly bytes: number;
    readonly step?: number;
  };
  'stage.finished': { readonly stage: StageName } & StageStats;
  /** For people: the prompt was cut, words are unknown, a fallback was taken. */
  'job.notice': { readonly code: string; readonly message: string };
  'job.finished': { readonly seconds: number };
}

export type PipelineEventType = keyof PipelineEvents;

/** One event, told apart by `type`. */
export type PipelineEvent = {
  readonly [T in PipelineEventType]: { readonly type: T; readonly job: string } & PipelineEvents[T];
}[PipelineEventType];

/** Receives events in order. Must not throw; a slow listener holds nothing up. */
export type PipelineListener = (event: PipelineEvent) => void;
