/** What a lane's worker needs from outside. */
import type { Clock, JobStatus, Logger, PipelineListener, RandomInteger, WorkLane } from '@espalier/contracts';
import type { JobQueue } from '@espalier/queue';
import type { ObjectStore } from '@espalier/storage';
import type { Outcome } from '../attend.ts';
import type { JobRunner } from '../runner.ts';
import type { Timers } from '../timers.ts';
import type { Place } from './places.ts';

export interface LaneQueues {
  readonly generate: JobQueue;
  readonly finish: JobQueue;
  /** Absent: nobody is told of a job's end. */
  readonly notify?: JobQueue;
  /** Where machines with more memory look for jobs; absent: a job that runs out of memory fails. */
  readonly generateLarge?: JobQueue;
}

export interface LaneOptions {
  readonly lane: WorkLane;
  readonly queues: LaneQueues;
  /** The queue to serve. @defaultValue the lane's own */
  readonly source?: JobQueue;
  readonly store: ObjectStore;
  readonly runner: JobRunner;
  readonly logger: Logger;
  /** Draws seeds; `randomInt` of `node:crypto`. */
  readonly random: RandomInteger;
  readonly leaseSeconds: number;
  /** The queue's own: how long a received message stays hidden unless extended. */
  readonly visibilitySeconds: number;
  /** Jobs worked on at once; no more messages than that are ever held. @defaultValue 1 */
  readonly width?: number;
  /**
   * The finish lane of this process, for a generate lane: where it has a free place, a job goes on there without record
   * and message. @defaultValue none: every job is handed over through its record and the queue
   */
  readonly finishLane?: NextLane;
  readonly hooks?: LaneHooks;
  /** @defaultValue the system's */
  readonly clock?: Clock;
  /** @defaultValue the system's */
  readonly timers?: Timers;
  /** @defaultValue LANE_PACE */
  readonly pace?: Partial<typeof LANE_PACE>;
}

/** A lane of this process that may go on with another one's job. */
export interface NextLane {
  /** Moves the job to a place there. Gives nothing, and changes nothing, where none is free. */
  takeOver(place: Place): LaneVoice | undefined;
}

/** What a lane tells of its jobs, and to whom. */
export interface LaneVoice {
  readonly lane: WorkLane;
  readonly hooks: LaneHooks | undefined;
  /** Of the lane, not of one job. */
  readonly logger: Logger;
}

/** For metrics and logs; none of them may throw. */
export interface LaneHooks {
  readonly onEvent?: PipelineListener;
  /** A message was taken: milliseconds since it was sent. */
  readonly onReceived?: (waitedMs: number) => void;
  /** This worker let go of a job. `heldMs`: its stay in the lane, up to where it left the accelerator if it told. */
  readonly onOutcome?: (outcome: Outcome, status: JobStatus, heldMs: number) => void;
  /** The claim was taken from a worker that showed no life any more. */
  readonly onSteal?: () => void;
  readonly onDuplicate?: () => void;
  readonly onDeadLetter?: () => void;
}

/** All in seconds. */
export const LANE_PACE = {
  /** Long poll. */
  poll: 20,
  /** Between looks at the cancel marker and writes of progress. */
  beat: 5,
  /** Age at which a cut job object counts as broken: objects of a store are whole at once. */
  settle: 0,
  /** Without any event from a job this long, it counts as hung. */
  stall: 1800,
  /** A run that was told to stop has this long to save: a machine may be gone in five. */
  grace: 4,
} satisfies Record<string, number>;
