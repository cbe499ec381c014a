/** A job of the bucket as RunPod's clients expect it. */
import { assetNumbers, type RunpodOutput, type RunpodStatus, runpodStatus } from '@espalier/contracts';
import { linkGlb, type ObjectStore } from '@espalier/storage';
import type { JobRecord } from '../jobs/job-records.ts';
import type { Results } from '../jobs/results.ts';
import { TTL_TAG } from '../jobs/run-request.ts';

/** `policy.ttl` has passed: RunPod then knows nothing of the job. */
export function isExpired({ job, submittedAt }: JobRecord, now: number): boolean {
  const ttl = Number(job?.tags[TTL_TAG] ?? Number.POSITIVE_INFINITY);
  return now > submittedAt + ttl;
}

export interface RunpodViewOptions {
  readonly store: ObjectStore;
  readonly results: Results;
  readonly inlineBytes: number;
  /** Life of a signed link in seconds. */
  readonly linkSeconds: number;
  /** Scheme and host that the caller used, for links. */
  readonly origin: string;
  readonly now: number;
}

export async function viewForRunpod(record: JobRecord, options: RunpodViewOptions): Promise<RunpodStatus> {
  const { id, state, status, job, submittedAt } = record;
  const output = state === 'succeeded' ? await outputOf(record, options) : undefined;
  return runpodStatus({ id, state, status, tags: job?.tags ?? {}, submittedAt, now: options.now, output });
}

/** The worker's own answer. @param inline false: never the file itself, only a link to it */
export async function outputOf(
  record: JobRecord,
  options: RunpodViewOptions,
  inline = true,
): Promise<RunpodOutput | undefined> {
  const { results, store, inlineBytes, linkSeconds, origin, now } = options;
  const [stats, info] = await Promise.all([results.stats(record), results.head(record, 'model.glb')]);
  if (stats === undefined || info === undefined) return undefined;
  const model = inline && info.size <= inlineBytes ? await results.get(record, 'model.glb') : undefined;
  if (model !== undefined) return { glb_base64: results.base64(model), ...assetNumbers(stats) };
  const otherwise = `${origin}/jobs/${encodeURIComponent(record.id)}/model.glb`;
  return { ...(await linkGlb(store, info.key, { seconds: linkSeconds, now, otherwise })), ...assetNumbers(stats) };
}
