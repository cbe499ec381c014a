/**
 * What RunPod's webhooks are told: the answer of its `/status`, with the output as the worker gives it. The file is
 * put in when the body is sent; one that is too big for JSON is linked to.
 */
import {
  assetNumbers,
  GLB_INLINE_BYTES,
  isObject,
  type JobStats,
  type JobStatus,
  type RunpodStatus,
  runpodStatus,
  systemClock,
} from '@espalier/contracts';
import { linkGlb, type ObjectStore, resultKey } from '@espalier/storage';
import type { Delivery, Notice } from './delivery-record.ts';
import type { NoticeContext } from './notice-context.ts';

export interface RunpodPayloadParts {
  readonly status: JobStatus;
  readonly stats: JobStats | undefined;
  readonly tags: Readonly<Record<string, string>>;
}

/** As long as S3 signs: tries go on for three days. Seconds. */
const LINK_SECONDS = 7 * 24 * 3600;

export async function runpodPayload(
  context: NoticeContext,
  { status, stats, tags }: RunpodPayloadParts,
): Promise<Pick<Notice, 'body' | 'glb'>> {
  const { id, state, submitted_at, finished_at, updated_at, results } = status;
  const now = Date.parse(finished_at ?? updated_at);
  const view = (output?: RunpodStatus['output']) =>
    JSON.stringify(runpodStatus({ id, state, status, tags, submittedAt: Date.parse(submitted_at), now, output }));
  if (stats === undefined) return { body: view() };
  const glb = results?.['model.glb'] ?? resultKey(id, 'model.glb');
  if (stats.glb_size_bytes <= GLB_INLINE_BYTES) return { body: view(assetNumbers(stats)), glb };
  return { body: view({ ...(await glbLink(context, id, glb)), ...assetNumbers(stats) }) };
}

/** The body as it is sent. What was removed from the store since is not in it. */
export async function bodyToSend(store: ObjectStore, { body, glb }: Delivery): Promise<string> {
  const object = glb === undefined ? undefined : await store.get(glb);
  if (object === undefined) return body;
  const view: unknown = JSON.parse(body);
  if (!isObject(view) || !isObject(view.output)) return body;
  const { buffer, byteOffset, byteLength } = object.body;
  const glb_base64 = Buffer.from(buffer, byteOffset, byteLength).toString('base64');
  return JSON.stringify({ ...view, output: { glb_base64, ...view.output } });
}

function glbLink(context: NoticeContext, id: string, key: string) {
  const { store, publicUrl, signLinksSeconds: seconds = LINK_SECONDS, clock = systemClock } = context;
  const otherwise =
    publicUrl === undefined ? `${store.location}/${key}` : `${publicUrl}/jobs/${encodeURIComponent(id)}/model.glb`;
  return linkGlb(store, key, { seconds, now: clock.now(), otherwise });
}
