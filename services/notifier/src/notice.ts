/** Gathers what a webhook is to be told about the end of a job. */
import { JOB_EXTRAS, JobStatsSchema, JobStatusSchema, parseJobBody } from '@espalier/contracts';
import { canSignLinks, type ObjectStore, resultKey, statusKey } from '@espalier/storage';
import { z } from 'zod';
import type { Notice } from './delivery-record.ts';
import type { NoticeContext } from './notice-context.ts';
import { buildPayload, EVENT_TYPES, isEnd, webhookIdOf } from './payload.ts';
import { runpodPayload } from './runpod-payload.ts';

/** Of a rejected job only these need to be right for it to be told. */
const AddresseeSchema = z.object({
  webhook: JOB_EXTRAS.webhook,
  webhook_format: JOB_EXTRAS.webhook_format.catch(undefined),
  tags: JOB_EXTRAS.tags.catch(undefined),
});

/** Undefined when there is nobody to tell, or nothing to tell (any more). */
export async function makeNotice(context: NoticeContext, job: string): Promise<Notice | undefined> {
  const { store, logger } = context;
  const record = await readJson(store, statusKey(job));
  if (record === undefined) return undefined;
  const parsed = JobStatusSchema.safeParse(record);
  if (!parsed.success) {
    logger.error({ job }, `${statusKey(job)} is no status record: nobody is told`);
    return undefined;
  }
  const status = parsed.data;
  // Submitted again meanwhile: its next end will be told.
  if (!isEnd(status.state)) return undefined;
  const addressee = AddresseeSchema.safeParse(await readJson(store, status.source));
  if (!addressee.success || addressee.data.webhook === undefined) return undefined;
  const { webhook: url, webhook_format: format = 'standard', tags } = addressee.data;
  const read = JobStatsSchema.safeParse(
    status.state === 'succeeded' ? await readJson(store, resultKey(job, 'stats.json')) : undefined,
  );
  const stats = read.success ? read.data : undefined;
  const about = { webhook_id: webhookIdOf(status), job, url, type: EVENT_TYPES[status.state], format };
  if (format === 'runpod') return { ...about, ...(await runpodPayload(context, { status, stats, tags: tags ?? {} })) };
  const body = buildPayload(status.state, {
    status,
    ...(stats !== undefined && { stats }),
    ...(tags !== undefined && { tags }),
    links: await linksTo(context, job, status.results ?? {}),
  });
  return { ...about, body };
}

async function linksTo(context: NoticeContext, job: string, results: Readonly<Record<string, string>>) {
  const { store, signLinksSeconds: seconds, publicUrl } = context;
  const links: Record<string, string> = {};
  for (const [name, key] of Object.entries(results)) {
    if (seconds !== undefined && canSignLinks(store)) links[name] = await store.signLink(key, seconds);
    else if (publicUrl !== undefined)
      links[name] = `${publicUrl}/jobs/${encodeURIComponent(job)}/${encodeURIComponent(name)}`;
    else links[name] = `${store.location}/${key}`;
  }
  return links;
}

async function readJson(store: ObjectStore, key: string): Promise<unknown> {
  const object = await store.get(key);
  if (object === undefined) return undefined;
  try {
    return parseJobBody(object.body);
  } catch {
    return undefined; // a job that is no JSON was rejected for it, and names nobody
  }
}
