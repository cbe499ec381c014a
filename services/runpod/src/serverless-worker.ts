/**
 * The worker loop: takes as many jobs as it has room for, runs them, hands results to the outbox, stops those it is
 * told to stop. Ends when it is asked to: with what is in progress finished, or saved.
 */
import { setTimeout as delay } from 'node:timers/promises';
import {
  CancelledError,
  type Clock,
  ensureError,
  type Logger,
  type PipelineEvent,
  RejectedError,
  RetryableError,
  systemClock,
} from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';
import { errorBody } from './answer.ts';
import { type BucketJobRunner, turnOf } from './bucket-job.ts';
import { type AssetRunner, jobOf, progressOf } from './handler.ts';
import { Outbox, type OutboxBody } from './outbox.ts';
import { type Ping, startPing } from './ping.ts';
import type { Platform, TakenJob } from './platform.ts';
import { ProgressPoster } from './progress.ts';

export interface ServerlessWorkerOptions {
  readonly platform: Platform;
  readonly store: ObjectStore;
  readonly run: AssetRunner;
  /** Works on jobs that already lie in the bucket. Absent: they are refused as any other unknown input. */
  readonly runBucketJob?: BucketJobRunner;
  readonly logger: Logger;
  /** Jobs at once, given how many it is now; asked before each take. @defaultValue always 1 */
  readonly concurrency?: (current: number) => number;
  /** A fresh worker after every job. @defaultValue false */
  readonly refreshWorker?: boolean;
  /** Largest body with the file in it. @defaultValue 9,500,000 bytes: RunPod refuses more than 10 MB */
  readonly inlineBytes?: number;
  /** Life of a link to a file that is bigger. @defaultValue 24 hours */
  readonly linkSeconds?: number;
  /** Time that jobs in progress get to finish after the end was asked for; then they save. @defaultValue 4 */
  readonly drainSeconds?: number;
  /** Milliseconds between two progress posts within a stage. @defaultValue 1,000 */
  readonly progressPause?: number;
  readonly clock?: Clock;
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/** Reason for stopping a job that RunPod has given up: nothing is posted. */
class StoppedByPlatform extends CancelledError {}

interface InProgress {
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

export class ServerlessWorker {
  readonly #options: Required<Omit<ServerlessWorkerOptions, 'runBucketJob'>> &
    Pick<ServerlessWorkerOptions, 'runBucketJob'>;
  readonly #outbox: Outbox;
  readonly #jobs = new Map<string, InProgress>();
  /** Ends the loops; jobs in progress go on. */
  readonly #closing = new AbortController();
  /** Ends deliveries: what is not delivered stays in the outbox. */
  readonly #gone = new AbortController();
  #ping: Ping | undefined;
  #concurrency = 1;
  #wake: () => void = () => {};

  constructor(options: ServerlessWorkerOptions) {
    this.#options = {
      concurrency: () => 1,
      refreshWorker: false,
      inlineBytes: 9_500_000,
      linkSeconds: 24 * 3600,
      drainSeconds: 4,
      progressPause: 1000,
      clock: systemClock,
      sleep: (milliseconds, signal) => delay(milliseconds, undefined, { signal }).catch(() => {}),
      ...options,
    };
    const { store, platform, clock, logger, sleep, inlineBytes, linkSeconds } = this.#options;
    this.#outbox = new Outbox({ store, platform, clock, logger, sleep, inlineBytes, linkSeconds });
  }

  /** Works until `signal` is aborted or a job asked for a fresh worker. */
  async serve(signal: AbortSignal): Promise<void> {
    const { platform, logger } = this.#options;
    const close = () => this.#closing.abort();
    signal.addEventListener('abort', close, { once: true });
    if (signal.aborted) close();
    this.#ping = startPing(platform.environment, logger);
    try {
      const left = await this.#outbox.resume(this.#gone.signal);
      if (left > 0) logger.info({ results: left }, 'handing over what an earlier run left');
      await Promise.all([this.#takeLoop(), this.#stopLoop()]);
      await this.#drain();
    } finally {
      signal.removeEventListener('abort', close);
      this.#gone.abort();
      await this.#ping.stop();
    }
  }

  async #takeLoop(): Promise<void> {
    const { platform, logger, sleep, concurrency } = this.#options;
    const { signal } = this.#closing;
    let faults = 0;
    while (!signal.aborted) {
      this.#concurrency = Math.max(1, Math.floor(concurrency(this.#concurrency)));
      const room = this.#concurrency - this.#jobs.size;
      if (room <= 0) {
        await new Promise<void>((resolve) => {
          const wake = () => {
            signal.removeEventListener('abort', wake);
            resolve();
          };
          this.#wake = wake;
          signal.addEventListener('abort', wake);
        });
        continue;
      }
      const asked = performance.now();
      try {
        const taken = await platform.take(room, this.#jobs.size > 0, signal);
        faults = 0;
        for (const job of taken) this.#begin(job);
        // A server that says "nothing" at once must not be asked in a tight loop.
        if (taken.length === 0 && performance.now() - asked < 200) await sleep(250, signal);
      } catch (thrown) {
        faults += 1;
        const error = ensureError(thrown);
        const seconds = error instanceof RetryableError ? error.retryAfterSeconds : undefined;
        logger.warn({ err: error, faults }, 'no job could be taken');
        await sleep(seconds === undefined ? Math.min(30_000, 500 * 2 ** Math.min(faults, 6)) : seconds * 1000, signal);
      }
    }
  }

  async #stopLoop(): Promise<void> {
    const { platform, logger, sleep } = this.#options;
    const { signal } = this.#closing;
    if (platform.stopUrl === undefined) {
      logger.warn({}, 'the take URL names no stop channel: jobs cannot be stopped from outside');
      return;
    }
    while (!signal.aborted) {
      try {
        const ids = await platform.stops(signal);
        for (const id of ids) this.#stop(id);
        if (ids.length === 0) await sleep(1000, signal);
      } catch (thrown) {
        const error = ensureError(thrown);
        const seconds = error instanceof RetryableError ? (error.retryAfterSeconds ?? 1) : 1;
        logger.debug({ err: error }, 'the stop channel failed');
        await sleep(seconds * 1000, signal);
      }
    }
  }

  #stop(id: string): void {
    const job = this.#jobs.get(id);
    if (job === undefined) return;
    this.#options.logger.info({ job: id }, 'RunPod stops the job');
    job.controller.abort(new StoppedByPlatform('RunPod stopped the job'));
  }

  #begin(taken: TakenJob): void {
    // Handed out twice while it runs: one of them is enough, and its result answers both.
    if (this.#jobs.has(taken.id)) return;
    const controller = new AbortController();
    const ended = this.#attend(taken, controller.signal).finally(() => {
      this.#jobs.delete(taken.id);
      this.#ping?.jobs([...this.#jobs.keys()]);
      this.#wake();
    });
    this.#jobs.set(taken.id, { controller, ended });
    this.#ping?.jobs([...this.#jobs.keys()]);
  }

  async #attend(taken: TakenJob, signal: AbortSignal): Promise<void> {
    const { platform, run, runBucketJob, clock, refreshWorker, progressPause } = this.#options;
    const logger = this.#options.logger.child({ job: taken.id });
    const progress = new ProgressPoster(taken.id, { platform, logger, pause: progressPause, now: () => clock.now() });
    let refresh = refreshWorker;
    const onEvent = (event: PipelineEvent) => {
      const told = progressOf(event);
      if (told !== undefined) progress.tell(told);
    };
    try {
      const turn = runBucketJob && turnOf(taken.input);
      if (runBucketJob && turn) {
        const output = await runBucketJob(turn, { signal, logger, onEvent });
        await progress.end();
        // The claim went back to the bucket: saying nothing is what RunPod expects of a job that it stopped.
        if (signal.aborted) return;
        refresh ||= output.out_of_memory === true;
        await this.#hand(taken.id, { output: { ...output }, stopPod: refresh });
        if (refresh) this.#closing.abort();
        return;
      }
      const job = jobOf(taken);
      logger.info({ seed: job.input.seed }, 'job taken');
      await run(job, { signal, logger, onEvent });
      await progress.end();
      await this.#hand(taken.id, { asset: job.id, stopPod: refresh });
    } catch (thrown) {
      await progress.end();
      const error = ensureError(thrown);
      if (signal.aborted) {
        logger.info(
          { err: error },
          signal.reason instanceof StoppedByPlatform ? 'job stopped' : 'job saved for another worker',
        );
        return;
      }
      const body = errorBody(error);
      refresh ||= body.stopPod === true;
      if (error instanceof RejectedError) logger.warn({ code: error.code }, `job refused: ${error.message}`);
      else logger.error({ err: error }, 'job failed');
      await this.#hand(taken.id, { error: body.error ?? '', stopPod: refresh });
    }
    if (refresh) this.#closing.abort();
  }

  /** Posting goes on beside the next job. A store that is away keeps nothing from being posted at least once. */
  async #hand(id: string, body: OutboxBody): Promise<void> {
    const { logger, sleep } = this.#options;
    for (let wait = 1000; ; wait = Math.min(30_000, wait * 2)) {
      try {
        await this.#outbox.put(id, body, this.#gone.signal);
        return;
      } catch (error) {
        logger.error({ job: id, err: error }, 'the result could not be put into the outbox yet');
        if (this.#closing.signal.aborted) return;
        await sleep(wait, this.#closing.signal);
      }
    }
  }

  /** Jobs and deliveries get their time; then jobs save what they have, and results stay in the outbox. */
  async #drain(): Promise<void> {
    const { drainSeconds, logger } = this.#options;
    const jobs = () => Promise.all([...this.#jobs.values()].map(({ ended }) => ended));
    const work = jobs().then(() => this.#outbox.settle());
    const timer = new AbortController();
    const finished = await Promise.race([
      work.then(() => true),
      delay(drainSeconds * 1000, false, { signal: timer.signal }).catch(() => true),
    ]);
    timer.abort();
    if (finished) return;
    logger.warn({ jobs: [...this.#jobs.keys()] }, 'time is over: saving what is in progress');
    for (const { controller } of this.#jobs.values())
      controller.abort(new CancelledError('the worker was told to stop'));
    await jobs();
  }
}
