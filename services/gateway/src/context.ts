/** What the routes share. Built once per gateway. */

import { randomInt } from 'node:crypto';
import { type Clock, type Logger, silentLogger, systemClock } from '@espalier/contracts';
import type { ObjectStore } from '@espalier/storage';
import type { FastifyRequest } from 'fastify';
import { HttpError } from './http/http-error.ts';
import { JobIndex } from './jobs/job-index.ts';
import { type JobRecord, JobRecords } from './jobs/job-records.ts';
import { JobWatcher } from './jobs/job-watcher.ts';
import { Results } from './jobs/results.ts';
import type { SubmitDependencies } from './jobs/submit.ts';
import { GATEWAY_LIMITS, type GatewayLimits, type GatewayOptions } from './options.ts';
import type { RunpodViewOptions } from './views/runpod-view.ts';
import { StreamCursors } from './views/stream-cursor.ts';

export interface GatewayContext {
  readonly store: ObjectStore;
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly records: JobRecords;
  readonly index: JobIndex;
  readonly watcher: JobWatcher;
  readonly results: Results;
  readonly cursors: StreamCursors;
  readonly submitting: SubmitDependencies;
  readonly notifications: GatewayOptions['notifications'];
  readonly metrics: GatewayOptions['metrics'];
  readonly publicUrl: string | undefined;
  readonly localWorkers: () => number;
  /** Aborted when the server begins to stop: whoever waits answers with what is known. */
  readonly stopping: AbortController;
}

export function createContext(options: GatewayOptions): GatewayContext {
  const { store, clock = systemClock, logger = silentLogger } = options;
  const limits: GatewayLimits = { ...GATEWAY_LIMITS, ...options.limits };
  const records = new JobRecords(store);
  const index = new JobIndex({ store, clock, maximumAge: limits.listingMilliseconds });
  const watcher = new JobWatcher(records, limits.watchMilliseconds, logger);
  const announce = async (id: string) => {
    index.expire();
    watcher.poke(id);
    await options.announce?.(id);
  };
  return {
    store,
    limits,
    clock,
    logger,
    records,
    index,
    watcher,
    results: new Results(store),
    cursors: new StreamCursors(),
    submitting: { store, random: options.random ?? ((bound) => randomInt(bound)), announce, logger },
    notifications: options.notifications,
    metrics: options.metrics,
    publicUrl: options.publicUrl,
    localWorkers: options.localWorkers ?? (() => 0),
    stopping: new AbortController(),
  };
}

/** @throws HttpError 404 JOB_NOT_FOUND */
export async function findJob(context: GatewayContext, id: string): Promise<JobRecord> {
  const record = await context.records.read(id);
  if (record !== undefined) return record;
  throw new HttpError(404, `there is no job '${id}'`, {
    code: 'JOB_NOT_FOUND',
    field: 'id',
    remedy: 'check the id; results are removed when they expire',
  });
}

export function viewOptions(context: GatewayContext, request: FastifyRequest): RunpodViewOptions {
  return {
    store: context.store,
    results: context.results,
    inlineBytes: context.limits.inlineBytes,
    linkSeconds: context.limits.linkSeconds,
    origin: context.publicUrl ?? `${request.protocol}://${request.host}`,
    now: context.clock.now(),
  };
}
