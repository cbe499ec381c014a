/**
 * Reads whatever may lie in a queue: S3's notifications, its test event, EventBridge events, any of these in an
 * SNS envelope, Espalier's own messages, or a job as plain JSON. Never throws: anybody may be able to send.
 */
import { failureOf, parseJobBody } from '@espalier/contracts';
import { z } from 'zod';
import { createdObject, S3EventBridgeSchema } from './eventbridge.ts';
import { JobTurnSchema } from './job-turn.ts';
import { createdObjects, S3NotificationSchema, S3TestEventSchema } from './s3-notification.ts';
import type { ParsedMessage } from './types.ts';

/** https://docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html */
const SnsEnvelopeSchema = z.object({ Type: z.literal('Notification'), TopicArn: z.string(), Message: z.string() });

/** An envelope in an envelope is somebody's joke. */
const ENVELOPES_MAX = 2;

/** @param body the message's text */
export function parseMessage(body: string): ParsedMessage {
  return parse(body, 0);
}

function parse(body: string, depth: number): ParsedMessage {
  let value: unknown;
  try {
    value = parseJobBody(Buffer.from(body));
  } catch (error) {
    const { code, message } = failureOf(error);
    return { kind: 'invalid', code, reason: message.replace(/^the job/, 'the message') };
  }
  if (!isRecord(value)) return unknownShape(value);

  if ('Records' in value) {
    return check(S3NotificationSchema, value, 'an S3 notification', (notification) => {
      const objects = createdObjects(notification);
      if (objects.length > 0) return { kind: 'objects', objects };
      return { kind: 'ignored', why: notification.Records.map(({ eventName }) => eventName).join(', ') };
    });
  }
  if ('Event' in value && 'Service' in value) {
    return check(S3TestEventSchema, value, "S3's test event", () => ({ kind: 'ignored', why: 's3:TestEvent' }));
  }
  if ('detail-type' in value) {
    return check(S3EventBridgeSchema, value, 'an EventBridge event of S3', (event) => {
      const object = createdObject(event);
      if (object !== undefined) return { kind: 'objects', objects: [object] };
      return { kind: 'ignored', why: event['detail-type'] };
    });
  }
  if ('Type' in value && 'Message' in value) {
    if (depth === ENVELOPES_MAX) {
      return { kind: 'invalid', code: 'MESSAGE_NESTED', reason: 'an SNS envelope lies in too many others' };
    }
    return check(SnsEnvelopeSchema, value, 'an SNS notification', ({ Message }) => parse(Message, depth + 1));
  }
  if ('espalier' in value) {
    return check(JobTurnSchema, value, "Espalier's own message", ({ espalier: { job, key, traceparent, handed } }) => ({
      kind: 'turn',
      turn: {
        job,
        ...(key !== undefined && { key }),
        ...(traceparent !== undefined && { traceparent }),
        ...(handed !== undefined && { handed }),
      },
    }));
  }
  if ('prompt' in value || 'input' in value || 'from' in value) return { kind: 'job', job: value };
  return unknownShape(value);
}

function check<S extends z.ZodType>(
  schema: S,
  value: unknown,
  what: string,
  then: (parsed: z.output<S>) => ParsedMessage,
): ParsedMessage {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? '' : ` at ${issue.path.join('.').slice(0, 200)}`;
    const reason = `the message looks like ${what} but is none: ${issue?.message ?? 'wrong shape'}${where}`;
    return { kind: 'invalid', code: 'MESSAGE_MALFORMED', reason };
  }
  try {
    return then(parsed.data);
  } catch (error) {
    if (!(error instanceof URIError)) throw error;
    return { kind: 'invalid', code: 'MESSAGE_MALFORMED', reason: `the key in ${what} is not form-encoded` };
  }
}

function unknownShape(value: unknown): ParsedMessage {
  const keys = isRecord(value) ? Object.keys(value) : [];
  const shown = keys.slice(0, 8).map((key) => `'${key.slice(0, 40)}'`);
  const found = isRecord(value) ? `an object with the keys ${shown.join(', ') || '(none)'}` : 'no object';
  return {
    kind: 'invalid',
    code: 'MESSAGE_UNKNOWN',
    reason: `the message is neither a job nor the announcement of one: it is ${found}`,
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
