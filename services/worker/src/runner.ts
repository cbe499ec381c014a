/** What the worker needs of the pipeline: one job in, its stats out. */
import type { HandOver, Job, JobStats, JobStatus, Logger, PipelineListener } from '@espalier/contracts';

export interface RunOptions {
  /** Aborted when the job must stop: what can be saved is saved first. */
  readonly signal: AbortSignal;
  readonly onEvent: PipelineListener;
  readonly logger: Logger;
  /** What stages cost that earlier attempts, or the other lane, computed for this job. */
  readonly earlier?: JobStatus['stages'];
  /** The other lane has just done its part, and nobody has taken the job up since. */
  readonly justHandedOver?: boolean;
  /** The job's seed was drawn a moment ago: nothing that depends on it can have been made before. */
  readonly seedDrawn?: boolean;
  /**
   * Asked once nothing needs an accelerator any more: whether this process has room to finish the job, which then goes
   * on in this very run. Whoever is told so must. Absent: the job is handed over.
   */
  readonly finishHere?: () => boolean;
}

export interface JobRunner {
  /**
   * Ends with `results/<id>/stats.json` written, or with everything checkpointed that this lane can do, or throws
   * one of the errors of `@espalier/contracts`.
   */
  run(job: Job, options: RunOptions): Promise<JobStats | HandOver>;
}
