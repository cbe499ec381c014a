/** A job as our own API shows it. */
import { isTerminal, type JobStats, startedAt } from '@espalier/contracts';
import { FROM_TAG, type JobRecord, seedOf } from '../jobs/job-records.ts';
import type { JobSummary, JobView } from '../schemas/jobs.ts';
import { stagesView } from './stages-view.ts';

export function jobSummary(record: JobRecord): JobSummary {
  const { id, state, job, status } = record;
  const seed = seedOf(record);
  const started = startedAt(status);
  return {
    id,
    state,
    cancel_requested: record.cancelRequested,
    ...(job !== undefined && {
      prompt: job.input.prompt,
      simplify: job.input.simplify,
      texture_size: job.input.texture_size,
      tags: { ...job.tags },
    }),
    ...(seed !== undefined && { seed }),
    submitted_at: new Date(record.submittedAt).toISOString(),
    ...(started !== undefined && { started_at: started }),
    ...(status !== undefined && { updated_at: status.updated_at }),
    ...(status?.finished_at !== undefined && { finished_at: status.finished_at }),
    ...(status?.stage !== undefined && { stage: status.stage }),
    ...(status?.step !== undefined && { step: status.step }),
    ...(status?.steps !== undefined && { steps: status.steps }),
    attempt: status?.attempt ?? 0,
    ...(status?.worker !== undefined && { worker: status.worker }),
    ...(status?.error !== undefined && { error: status.error }),
    links: linksOf(record),
  };
}

export function jobView(record: JobRecord, stats: JobStats | undefined, now: number): JobView {
  return {
    ...jobSummary(record),
    stages: stagesView(record, stats, now),
    trail: (record.status?.events ?? []).map((event) => ({ ...event })),
    ...(stats !== undefined && { stats }),
  };
}

function linksOf({ id, state, status, job }: JobRecord): Record<string, string> {
  const self = `/jobs/${encodeURIComponent(id)}`;
  const files = Object.keys(status?.results ?? {}).map((name) => [
    fileLink(name),
    `${self}/${encodeURIComponent(name)}`,
  ]);
  const from = job?.tags[FROM_TAG];
  return {
    self,
    events: `${self}/events`,
    ...(job?.webhook !== undefined && { deliveries: `${self}/deliveries` }),
    ...(state === 'succeeded' && {
      model: `${self}/model.glb`,
      stats: `${self}/stats.json`,
      ...Object.fromEntries(files),
    }),
    ...(!isTerminal(state) && { cancel: `/cancel/${encodeURIComponent(id)}` }),
    ...(state === 'failed' && { retry: `/retry/${encodeURIComponent(id)}` }),
    ...(state === 'succeeded' && { refinish: `${self}/refinish` }),
    ...(from !== undefined && { from: `/jobs/${encodeURIComponent(from)}` }),
  };
}

function fileLink(name: string): string {
  return name === 'model.glb' ? 'model' : name.replace(/\.[a-z0-9]+$/, '');
}
