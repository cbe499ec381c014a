/** One job of RunPod's through the pipeline: checked before anything is touched, its progress told, its end named. */
import {
  DEFAULT_OUTPUTS,
  isJobId,
  type Job,
  jobIdFromName,
  type Logger,
  type PipelineEvent,
  type PipelineListener,
  parseJobInput,
  sha256,
} from '@espalier/contracts';
import type { TakenJob } from './platform.ts';

/** Runs a job to its files in the store. The pipeline's `runJob` is one. */
export type AssetRunner = (
  job: Job,
  options: { readonly signal: AbortSignal; readonly onEvent: PipelineListener; readonly logger: Logger },
) => Promise<void>;

/**
 * The envelope's other fields are RunPod's own and are left alone. A job without a seed gets one from its id: handed
 * out again, to this worker or another, it finds its checkpoints.
 *
 * @throws RejectedError with the published message
 */
export function jobOf(taken: TakenJob): Job {
  return {
    id: assetIdOf(taken.id),
    input: parseJobInput(taken.input ?? {}, (bound) => Number.parseInt(sha256(taken.id).slice(0, 12), 16) % bound),
    outputs: [...DEFAULT_OUTPUTS],
    sampler: {},
    tags: {},
  };
}

/** Name under which a job's files lie in the store: the same for every delivery of the job. */
export function assetIdOf(runpodId: string): string {
  return isJobId(runpodId) ? runpodId : jobIdFromName(`runpod/${runpodId}`);
}

/** What callers see in `output` while the job runs. */
export interface ProgressOutput {
  readonly stage: string;
  readonly step?: number;
  readonly steps?: number;
}

export function progressOf(event: PipelineEvent): ProgressOutput | undefined {
  if (event.type === 'stage.started') {
    return {
      stage: event.stage,
      ...(event.steps !== undefined && { step: event.resumedFromStep ?? 0, steps: event.steps }),
    };
  }
  return event.type === 'stage.step' ? { stage: event.stage, step: event.step, steps: event.steps } : undefined;
}
