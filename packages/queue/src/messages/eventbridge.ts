/**
 * The same news by way of EventBridge.
 *
 * Source: Amazon S3 user guide, "EventBridge event message structure".
 */
import { z } from 'zod';
import type { AnnouncedObject } from './types.ts';

export const S3EventBridgeSchema = z.object({
  version: z.literal('0'),
  id: z.string(),
  'detail-type': z.string(),
  source: z.literal('aws.s3'),
  detail: z.object({
    bucket: z.object({ name: z.string().min(1) }),
    object: z.object({
      /** As it is: not encoded, unlike in S3's own notifications. */
      key: z.string().min(1),
      size: z.number().optional(),
      etag: z.string().optional(),
      sequencer: z.string().optional(),
    }),
  }),
});

/** Undefined when the event tells of something else than a new object. */
export function createdObject(event: z.infer<typeof S3EventBridgeSchema>): AnnouncedObject | undefined {
  if (event['detail-type'] !== 'Object Created') return undefined;
  const { bucket, object } = event.detail;
  return {
    bucket: bucket.name,
    key: object.key,
    ...(object.size !== undefined && { size: object.size }),
    ...(object.etag !== undefined && { etag: object.etag }),
    ...(object.sequencer !== undefined && { sequencer: object.sequencer }),
  };
}
