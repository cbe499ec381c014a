/** A request in RunPod's shape: our own job with RunPod's envelope fields beside it. */
import {
  isObject,
  type Job,
  jobIdFromContent,
  parseJob,
  type RandomInteger,
  RejectedError,
  shownValue,
  valueAt,
} from '@espalier/contracts';
import { PolicySchema } from '../schemas/runpod.ts';

/** Tag that carries `policy.ttl`: milliseconds from submission after which the job is not found any more. */
export const TTL_TAG = 'runpod.ttl_ms';

export interface RunRequest {
  readonly job: Job;
  /** The caller chose the id, or left it to us. */
  readonly named: boolean;
  /** The caller left the seed to chance. */
  readonly seedDrawn: boolean;
}

/**
 * @param body the request's JSON, in the envelope `{"input": {...}}` or bare `{"prompt": ...}`
 * @param id used when the body names none
 * @throws RejectedError with the published messages; the job's own faults speak before the envelope's
 */
export function parseRunRequest(
  body: unknown,
  options: { readonly id?: string; readonly random: RandomInteger },
): RunRequest {
  let seedDrawn = false;
  const random: RandomInteger = (bound) => {
    seedDrawn = true;
    return options.random(bound);
  };
  if (!isObject(body)) {
    const job = parseJob(body, { id: '', random });
    return { job, named: false, seedDrawn };
  }
  const { policy, webhook: first, webhookV2, s3Config, ...rest } = body;
  const webhook = first ?? webhookV2 ?? undefined;
  const named = rest.id !== undefined && rest.id !== null;
  const parsed = parseJob(
    { ...(webhook !== undefined && { webhook, webhook_format: 'runpod' }), ...rest },
    { id: options.id ?? '', random },
  );
  if (s3Config !== undefined && s3Config !== null) {
    throw new RejectedError("'s3Config' is not taken: results stay in this server's own store", {
      code: 'S3CONFIG_UNSUPPORTED',
      field: 's3Config',
      remedy: 'fetch the file from /jobs/{id}/model.glb or from the bucket the server uses',
    });
  }
  const job = withPolicy(parsed, policy);
  if (job.id !== '') return { job, named, seedDrawn };
  const id = jobIdFromContent(job.input.prompt, [job.input.seed, options.random(2 ** 47), options.random(2 ** 47)]);
  return { job: { ...job, id }, named, seedDrawn };
}

function withPolicy(job: Job, policy: unknown): Job {
  if (policy === undefined || policy === null) return job;
  const parsed = PolicySchema.safeParse(policy);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = ['policy', ...(issue?.path ?? [])].join('.');
    throw new RejectedError(`'${field}' is not valid: ${issue?.message ?? 'unknown fault'}`, {
      code: 'POLICY_INVALID',
      field,
      remedy: `it is ${shownValue(valueAt(policy, issue?.path ?? []))}: executionTimeout 5000 to 604800000 and ttl 10000 to 604800000 are in milliseconds, lowPriority is a boolean`,
    });
  }
  const { executionTimeout, ttl } = parsed.data;
  return {
    ...job,
    ...(executionTimeout !== undefined && { deadline_seconds: job.deadline_seconds ?? executionTimeout / 1000 }),
    ...(ttl !== undefined && { tags: { ...job.tags, [TTL_TAG]: String(ttl) } }),
  };
}
