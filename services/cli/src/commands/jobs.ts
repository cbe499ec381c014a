/** `espalier submit`, `status`, `watch`, `cancel`: jobs in a bucket, done by a worker elsewhere. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  isJobId,
  isObject,
  isTerminal,
  type JobStatus,
  jobIdFromContent,
  parseJob,
  TerminalError,
} from '@espalier/contracts';
import { cancelKey, jobKey, type ObjectStore, readStatus, resolveFrom } from '@espalier/storage';
import { openBucket, type PlaceOptions, readSettings } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { failureText } from '../failures.ts';
import { listenForInterrupt } from '../interrupt.ts';
import type { CliIo } from '../io.ts';
import { type JobOptions, jobBody } from '../job-options.ts';

export interface BucketOptions extends PlaceOptions {
  readonly json?: boolean;
}
export interface SubmitOptions extends BucketOptions, JobOptions {
  readonly id?: string;
  /** Id of the job whose asset is finished anew. */
  readonly from?: string;
}

export async function submit(io: CliIo, prompt: string | undefined, options: SubmitOptions): Promise<ExitCode> {
  const sent = await jobBody(io, prompt, options);
  const { id: named, from } = options;
  const body = isObject(sent)
    ? { ...sent, ...(named !== undefined && { id: named }), ...(from !== undefined && { from }) }
    : sent;
  const store = await openBucket(readSettings(io, options), { prove: false });
  // Checked before it is sent; the seed of a job that names none is drawn by the worker.
  const job = parseJob(await resolveFrom(store, body), { id: 'unnamed', random: () => 0 });
  const hasName = isObject(body) && Object.hasOwn(body, 'id');
  const id = hasName ? job.id : jobIdFromContent(job.input.prompt, randomUUID());
  const text = `${JSON.stringify(body, null, 2)}\n`;
  const put = await store.put(jobKey(id), new TextEncoder().encode(text), {
    ifNoneMatch: '*',
    contentType: 'application/json',
  });
  if (!put.written) {
    throw new TerminalError(`a job with the id '${id}' is there already`, {
      code: 'ID_TAKEN',
      field: 'id',
      remedy: `look at it with: espalier status ${id}`,
    });
  }
  if (options.json === true) io.out(`${JSON.stringify({ ok: true, id, key: jobKey(id) })}\n`);
  else io.out(`${id}\n`);
  return EXIT.ok;
}

export async function status(io: CliIo, id: string, options: BucketOptions): Promise<ExitCode> {
  const store = await openBucket(readSettings(io, options), { readOnly: true });
  const found = await lookUp(store, id);
  io.out(options.json === true ? `${JSON.stringify(found, null, 2)}\n` : statusText(found, store));
  return EXIT.ok;
}

export async function watch(io: CliIo, id: string, options: BucketOptions): Promise<ExitCode> {
  const store = await openBucket(readSettings(io, options), { readOnly: true });
  const interrupt = listenForInterrupt(io, () => {});
  let last = '';
  try {
    while (!interrupt.signal.aborted) {
      const found = await lookUp(store, id);
      const line = options.json === true ? JSON.stringify(found) : statusLine(found);
      if (line !== last) (options.json === true ? io.out : io.err)(`${line}\n`);
      last = line;
      if (isTerminal(found.state)) {
        if (options.json !== true) io.out(statusText(found, store));
        return found.state === 'succeeded' ? EXIT.ok : EXIT.failed;
      }
      await sleep(500, undefined, { signal: interrupt.signal }).catch(() => {}); // Ctrl-C
    }
    return interrupt.exitCode ?? EXIT.ok;
  } finally {
    interrupt.release();
  }
}

export async function cancel(io: CliIo, id: string, options: BucketOptions): Promise<ExitCode> {
  const store = await openBucket(readSettings(io, options), { prove: false });
  const found = await lookUp(store, id);
  if (isTerminal(found.state)) {
    throw new TerminalError(`job ${id} is at its end already: ${found.state}`, { code: 'JOB_ENDED', field: 'id' });
  }
  await store.put(cancelKey(id), new Uint8Array());
  if (options.json === true) io.out(`${JSON.stringify({ ok: true, id, state: found.state })}\n`);
  else
    io.out(`${id} will be cancelled ${found.state === 'running' ? 'at its next step' : 'when a worker takes it up'}\n`);
  return EXIT.ok;
}

/** The record of a job; of one that no worker has seen yet, what can be said of it. */
async function lookUp(store: ObjectStore, id: string): Promise<JobStatus> {
  const seen = isJobId(id) ? await readStatus(store, id) : undefined;
  if (seen !== undefined) return seen.status;
  const object = isJobId(id) ? await store.head(jobKey(id)) : undefined;
  if (object === undefined) {
    throw new TerminalError(`no job '${id}' in ${store.location}`, {
      code: 'JOB_NOT_FOUND',
      field: 'id',
      remedy: 'name the bucket with --store or in ESPALIER_STORE',
    });
  }
  const at = new Date(object.modifiedAt).toISOString();
  return {
    id,
    state: 'queued',
    source: object.key,
    job_etag: object.etag,
    attempt: 0,
    crashes: 0,
    submitted_at: at,
    updated_at: at,
    events: [],
  };
}

function statusLine({ state, stage, step, steps }: JobStatus): string {
  if (state !== 'running' || stage === undefined) return state;
  return steps === undefined ? `${state}: ${stage}` : `${state}: ${stage} ${step ?? 0}/${steps}`;
}

function statusText(found: JobStatus, store: ObjectStore): string {
  const lines = [`${found.id}: ${statusLine(found)}`];
  if (found.seed !== undefined) lines.push(`  seed ${found.seed}, attempt ${found.attempt}`);
  for (const [name, key] of Object.entries(found.results ?? {})) lines.push(`  ${name}: ${store.location}/${key}`);
  for (const { at, state, stage, note } of found.events) {
    lines.push(`  ${at}  ${state}${stage === undefined ? '' : ` (${stage})`}${note === undefined ? '' : `: ${note}`}`);
  }
  const error = found.error === undefined ? '' : failureText(found.error);
  return `${lines.join('\n')}\n${error}`;
}
