/** What the worker needs of the pipeline: one job in, its stats out. */
import type { Job, JobStats, Logger, PipelineListener } from '@espalier/contracts';

/** Lanes that jobs travel through, each with a queue of its own: `generate` needs an accelerator, `finish` none. */
export const WORK_LANES = ['generate', 'finish'] as const;
export type WorkLane = (typeof WORK_LANES)[number];

/** The run has done what its lane does; the rest is another lane's. */
export interface HandOver {
  readonly handOver: WorkLane;
}

export interface RunOptions {
  /** Aborted when the job must stop: what can be saved is saved first. */
  readonly signal: AbortSignal;
  readonly onEvent: PipelineListener;
  readonly logger: Logger;
}

export interface JobRunner {
  /**
   * Ends with `results/<id>/stats.json` written, or with everything checkpointed that this lane can do, or throws
   * one of the errors of `@espalier/contracts`.
   */
  run(job: Job, options: RunOptions): Promise<JobStats | HandOver>;
}
