/** Status records in the bucket: read with their ETag, written only over the version that was seen. */
import { type JobStatus, JobStatusSchema, TerminalError } from '@espalier/contracts';
import { statusKey } from '../keys.ts';
import type { ObjectStore } from '../object-store.ts';

export interface SeenStatus {
  readonly status: JobStatus;
  readonly etag: string;
  /** Milliseconds since the epoch, by the store's own clock. */
  readonly modifiedAt: number;
}

export async function readStatus(store: ObjectStore, id: string): Promise<SeenStatus | undefined> {
  const key = statusKey(id);
  const object = await store.get(key);
  if (object === undefined) return undefined;
  try {
    const status = JobStatusSchema.parse(JSON.parse(new TextDecoder().decode(object.body)));
    return { status, etag: object.etag, modifiedAt: object.modifiedAt };
  } catch (cause) {
    throw new TerminalError(`${key} is no status record`, {
      code: 'STATUS_UNREADABLE',
      field: key,
      remedy: `delete ${key} in ${store.location}: the job is then taken up anew`,
      cause,
    });
  }
}

export type WrittenStatus = Pick<SeenStatus, 'status' | 'etag'>;

/**
 * Writes the record if the bucket still holds what was seen (`undefined`: nothing).
 *
 * @returns the written record with its ETag, or nothing when somebody else was first
 */
export async function writeStatus(
  store: ObjectStore,
  status: JobStatus,
  seen: Pick<SeenStatus, 'etag'> | undefined,
): Promise<WrittenStatus | undefined> {
  const body = new TextEncoder().encode(`${JSON.stringify(status, null, 2)}\n`);
  const condition = seen === undefined ? { ifNoneMatch: '*' as const } : { ifMatch: seen.etag };
  const put = await store.put(statusKey(status.id), body, { ...condition, contentType: 'application/json' });
  return put.written ? { status, etag: put.etag } : undefined;
}
