/**
 * A job's stay in one lane, as metrics, traces and logs tell it. A job that goes on in the other lane of its process
 * ends one stay and begins the next, as if a message had brought it there.
 */
import type { Clock, JobStatus, Logger, PipelineEvent, WorkLane } from '@espalier/contracts';
import type { Outcome } from '../attend.ts';
import type { LaneVoice } from './lane-options.ts';
import { type JobTrace, startJobTrace } from './tracing.ts';

export class Stay {
  readonly logger: Logger;
  readonly #voice: LaneVoice;
  readonly #clock: Clock;
  readonly #trace: JobTrace;
  readonly #began: number;
  #leftDevice: number | undefined;
  #outcome: string = 'unknown';

  /** @param traceparent of the message, or of the stay before */
  constructor(voice: LaneVoice, clock: Clock, { id, attempt }: JobStatus, traceparent: string | undefined) {
    this.#voice = voice;
    this.#clock = clock;
    this.#trace = startJobTrace({ job: id, lane: voice.lane, attempt, traceparent });
    this.logger = voice.logger.child({ job: id, attempt, trace_id: this.#trace.traceId });
    this.#began = clock.now();
  }

  get lane(): WorkLane {
    return this.#voice.lane;
  }

  /** For the next message, or the next stay. */
  get traceparent(): string {
    return this.#trace.traceparent;
  }

  listen(event: PipelineEvent): void {
    this.#trace.listen(event);
    logEvent(this.logger, event);
    this.#voice.hooks?.onEvent?.(event);
    if (event.type === 'device.freed') this.#leftDevice = this.#clock.now();
    // It was gone on with from the beginning of the stage, after a crash.
    else if (event.type === 'stage.started') this.#leftDevice = undefined;
  }

  /** How the lane let go of the job. */
  leave(outcome: Outcome, status: JobStatus): void {
    this.#outcome = outcome;
    const until = this.#leftDevice ?? this.#clock.now();
    this.#voice.hooks?.onOutcome?.(outcome, status, until - this.#began);
  }

  end({ error }: Pick<JobStatus, 'error'>): void {
    this.#trace.end(this.#outcome, error?.message);
  }
}

/** Stages are news, steps are details. */
function logEvent(logger: Logger, { type, job: _job, ...details }: PipelineEvent): void {
  if (type === 'stage.step' || type === 'checkpoint.saved') logger.debug(details, type);
  else logger.info(details, type);
}
