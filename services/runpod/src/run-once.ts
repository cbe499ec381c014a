/** Runs one job to the answer its caller would get, without RunPod: for `--test_input` and the local API. */
import { ensureError, JobStatsSchema, type Logger, type RunpodOutput } from '@espalier/contracts';
import { type ObjectStore, resultKey } from '@espalier/storage';
import { answerOf, errorBody } from './answer.ts';
import { type AssetRunner, jobOf } from './handler.ts';
import type { TakenJob } from './platform.ts';

export interface LocalContext {
  readonly store: ObjectStore;
  readonly run: AssetRunner;
  readonly logger: Logger;
}

export type LocalResult = { readonly output: RunpodOutput } | { readonly error: string };

export async function runOnce(context: LocalContext, taken: TakenJob, signal: AbortSignal): Promise<LocalResult> {
  const { store, run, logger } = context;
  try {
    const job = jobOf(taken);
    await run(job, { signal, logger: logger.child({ job: taken.id }), onEvent: () => {} });
    const object = await store.get(resultKey(job.id, 'stats.json'));
    const stats = JobStatsSchema.parse(JSON.parse(Buffer.from(object?.body ?? []).toString('utf8')));
    const options = { store, inlineBytes: Number.POSITIVE_INFINITY, linkSeconds: 0, now: 0 };
    return { output: await answerOf({ stats, glbKey: resultKey(job.id, 'model.glb') }, options) };
  } catch (thrown) {
    return { error: errorBody(ensureError(thrown)).error ?? 'unknown fault' };
  }
}
