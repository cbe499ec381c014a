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
    ...(state === 'succeeded' && { files: filesOf(record) }),
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

function linksOf(record: JobRecord): Record<string, string> {
  const { id, state, job } = record;
  const self = selfOf(id);
  const from = job?.tags[FROM_TAG];
  return {
    self,
    events: `${self}/events`,
    ...(job?.webhook !== undefined && { deliveries: `${self}/deliveries` }),
    ...(state === 'succeeded' && wellKnown(filesOf(record))),
    ...(!isTerminal(state) && { cancel: `/cancel/${encodeURIComponent(id)}` }),
    ...(state === 'failed' && { retry: `/retry/${encodeURIComponent(id)}` }),
    ...(state === 'succeeded' && { refinish: `${self}/refinish` }),
    ...(from !== undefined && { from: selfOf(from) }),
  };
}

/** Links to everything the job made, by file name. */
function filesOf({ id, status }: JobRecord): Record<string, string> {
  const names = Object.keys(status?.results ?? {});
  return Object.fromEntries(names.map((name) => [name, `${selfOf(id)}/${encodeURIComponent(name)}`]));
}

/** Those that clients look for by what they are. */
function wellKnown(files: Readonly<Record<string, string>>): Record<string, string> {
  const preview = Object.keys(files).find((name) => /^preview\.\w+$/.test(name));
  const found = { model: files['model.glb'], stats: files['stats.json'], preview: preview && files[preview] };
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, link]) => (link === undefined ? [] : [[name, link]])),
  );
}

function selfOf(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
}
