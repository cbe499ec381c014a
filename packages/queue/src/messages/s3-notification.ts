/**
 * What S3 sends to a queue: a list of records, in practice one, or once the test event.
 *
 * Source: Amazon S3 user guide, "Event message structure".
 */
import { z } from 'zod';
import type { AnnouncedObject } from './types.ts';

export const S3RecordSchema = z.object({
  /** Major version 2 is understood; minor versions only add fields. */
  eventVersion: z.string().regex(/^2\.\d+$/),
  eventSource: z.literal('aws:s3'),
  awsRegion: z.string().optional(),
  eventTime: z.string().optional(),
  /** `ObjectCreated:Put` and the like, without the `s3:` that configurations write. */
  eventName: z.string(),
  s3: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({
      /** Encoded as forms are: `red+flower.jpg` is `red flower.jpg`. */
      key: z.string().min(1),
      size: z.number().optional(),
      eTag: z.string().optional(),
      versionId: z.string().nullish(),
      sequencer: z.string().optional(),
    }),
  }),
});

export const S3NotificationSchema = z.object({ Records: z.array(S3RecordSchema).min(1) });

/** Sent once, when notifications are set up. */
export const S3TestEventSchema = z.object({
  Service: z.literal('Amazon S3'),
  Event: z.literal('s3:TestEvent'),
  Bucket: z.string().optional(),
});

/** Objects that were created, in the order of the records; deletions and the like are left out. */
export function createdObjects(notification: z.infer<typeof S3NotificationSchema>): AnnouncedObject[] {
  return notification.Records.filter(({ eventName }) => eventName.startsWith('ObjectCreated:')).map(({ s3 }) => ({
    bucket: s3.bucket.name,
    key: decodeFormKey(s3.object.key),
    ...(s3.object.size !== undefined && { size: s3.object.size }),
    ...(s3.object.eTag !== undefined && { etag: s3.object.eTag }),
    ...(s3.object.sequencer !== undefined && { sequencer: s3.object.sequencer }),
  }));
}

/** @throws URIError for a percent sign that encodes nothing */
export function decodeFormKey(key: string): string {
  return decodeURIComponent(key.replaceAll('+', ' '));
}

/**
 * Orders two events of ONE key: negative when `a` happened first. Sequencers are hexadecimal, of unequal length;
 * the shorter one is filled up with zeros at its right.
 */
export function compareSequencers(a: string, b: string): number {
  const length = Math.max(a.length, b.length);
  const [x, y] = [a.toUpperCase().padEnd(length, '0'), b.toUpperCase().padEnd(length, '0')];
  return x < y ? -1 : x > y ? 1 : 0;
}
