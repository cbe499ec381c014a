/** Events of the pipeline as log lines: what ended is worth a line, what moves only when somebody looks for it. */
import type { Logger, PipelineEvent } from '@espalier/contracts';

/** @param logger bound to the job */
export function logEvent(logger: Logger, event: PipelineEvent): void {
  const { type, job: _job, ...details } = event;
  if (type === 'stage.finished') logger.info(details, type);
  else if (type === 'job.notice') logger.warn(details, type);
  else logger.debug(details, type);
}
