/** Gathers what a webhook is to be told about the end of a job. */
import { JOB_EXTRAS, JobStatsSchema, JobStatusSchema, type Logger, parseJobBody } from '@espalier/contracts';
import { canSignLinks, type ObjectStore, resultKey, statusKey } from '@espalier/storage';
import { z } from 'zod';
import type { Delivery } from './delivery-record.ts';
import { buildPayload, EVENT_TYPES, isEnd, webhookIdOf } from './payload.ts';

export interface NoticeContext {
  readonly store: ObjectStore;
  readonly logger: Logger;
  /** Signs links to the results for this many seconds; absent: the results' places in the store are named. */
  readonly signLinksSeconds?: number;
}

/** Of a rejected job only these need to be right for it to be told. */
const AddresseeSchema = z.object({ webhook: JOB_EXTRAS.webhook, tags: JOB_EXTRAS.tags.catch(undefined) });

export type Notice = Pick<Delivery, 'webhook_id' | 'job' | 'url' | 'type' | 'body'>;

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
  const { webhook: url, tags } = addressee.data;
  const stats = JobStatsSchema.safeParse(
    status.state === 'succeeded' ? await readJson(store, resultKey(job, 'stats.json')) : undefined,
  );
  const body = buildPayload(status.state, {
    status,
    ...(stats.success && { stats: stats.data }),
    ...(tags !== undefined && { tags }),
    links: await linksTo(context, status.results ?? {}),
  });
  return { webhook_id: webhookIdOf(status), job, url, type: EVENT_TYPES[status.state], body };
}

async function linksTo(context: NoticeContext, results: Readonly<Record<string, string>>) {
  const { store, signLinksSeconds: seconds } = context;
  const links: Record<string, string> = {};
  for (const [name, key] of Object.entries(results)) {
    links[name] =
      seconds !== undefined && canSignLinks(store) ? await store.signLink(key, seconds) : `${store.location}/${key}`;
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
