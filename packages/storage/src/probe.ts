/**
 * Asks a store to prove that it enforces conditional writes, by breaking the conditions and by racing. Many
 * S3-compatible servers accept the headers and ignore them: on such a store two workers would own one job.
 */
import { randomUUID } from 'node:crypto';
import { TerminalError } from '@espalier/contracts';
import { probeKey } from './keys.ts';
import type { ObjectStore } from './object-store.ts';

export interface ProbeOptions {
  /** Writers that race for one object. @defaultValue 8 */
  readonly writers?: number;
  /** Name of the objects that the probe writes and removes. @defaultValue a random one */
  readonly name?: string;
}

/** @throws TerminalError STORE_NOT_CONDITIONAL naming every promise that was broken */
export async function probeConditionalWrites(store: ObjectStore, options: ProbeOptions = {}): Promise<void> {
  const key = probeKey(options.name ?? randomUUID());
  const writers = Array.from({ length: options.writers ?? 8 }, (_unused, index) => index);
  const body = (text: string) => new TextEncoder().encode(text);
  const broken: string[] = [];
  const expect = (holds: boolean, promise: string) => {
    if (!holds) broken.push(promise);
  };
  const race = async (write: (index: number) => Promise<{ readonly written: boolean }>) =>
    (await Promise.all(writers.map(write))).filter((result) => result.written).length;
  try {
    const created = await race((index) => store.put(key, body(`create ${index}`), { ifNoneMatch: '*' }));
    expect(created === 1, `If-None-Match: of ${writers.length} racing writers ${created} created the object`);
    const etag = (await store.head(key))?.etag ?? '';
    const stale = await store.put(key, body('stale'), { ifMatch: '00000000000000000000000000000000' });
    expect(!stale.written, 'If-Match: a write under an ETag that never was took effect');
    const replaced = await race((index) => store.put(key, body(`replace ${index}`), { ifMatch: etag }));
    expect(replaced === 1, `If-Match: of ${writers.length} racing writers ${replaced} replaced the object`);
  } finally {
    await store.delete(key).catch(() => {}); // what went wrong before says more
  }
  const gone = await store.put(key, body('gone'), { ifMatch: '00000000000000000000000000000000' });
  expect(!gone.written, 'If-Match: a write to a missing object took effect');
  if (gone.written) await store.delete(key);
  if (broken.length === 0) return;
  throw new TerminalError(`${store.location} does not enforce conditional writes: ${broken.join('; ')}`, {
    code: 'STORE_NOT_CONDITIONAL',
    remedy: 'use a store that does, such as AWS S3: on this one jobs would be done twice or lost',
  });
}
