import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareSequencers, encodeJobTurn, parseMessage } from '../src/index.ts';

const sample = (name: string) => readFileSync(new URL(`./messages/${name}.json`, import.meta.url), 'utf8');
const sns = (message: string) =>
  JSON.stringify({
    Type: 'Notification',
    MessageId: '22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324',
    TopicArn: 'arn:aws:sns:eu-central-1:123456789012:jobs',
    Subject: 'Amazon S3 Notification',
    Message: message,
    Timestamp: '2026-08-14T09:31:07.800Z',
    SignatureVersion: '1',
    Signature: 'EXAMPLEpH+DcEwjAPg8O9mY8dReBSwksfg2S7WKQcikcNKWLQjwu6A4VbeS0QHVCkhRS7fUQvi2egU3N858fiTDN6b',
    SigningCertURL:
      'https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-f3ecfb7224c7233fe7bb5f59f96de52f.pem',
    UnsubscribeURL: 'https://sns.eu-central-1.amazonaws.com/?Action=Unsubscribe',
  });
const edited = (
  name: string,
  edit: (value: Record<string, never> & { Records: Record<string, unknown>[] }) => void,
) => {
  const value = JSON.parse(sample(name));
  edit(value);
  return JSON.stringify(value);
};

const ANNOUNCED = {
  bucket: 'espalier-jobs',
  key: 'jobs/red flower+vase (ü).json',
  size: 214,
  etag: '5d41402abc4b2a76b9719d911017c592',
  sequencer: '0068F1C2A3B4C5D6E7',
};

describe('a message', () => {
  it.each([
    ['from S3', sample('s3-put')],
    ['from EventBridge', sample('eventbridge-created')],
    ['from S3 through SNS', sns(sample('s3-put'))],
    ['from EventBridge through SNS', sns(sample('eventbridge-created'))],
  ])('%s announces the same object', (_name, body) => {
    expect(parseMessage(body)).toEqual({ kind: 'objects', objects: [ANNOUNCED] });
  });

  it('may announce several objects', () => {
    const body = edited('s3-put', ({ Records }) => {
      Records.push(structuredClone(Records[0] ?? {}));
    });
    expect(parseMessage(body)).toEqual({ kind: 'objects', objects: [ANNOUNCED, ANNOUNCED] });
  });

  it.each([
    ["S3's test event", sample('s3-test-event'), 's3:TestEvent'],
    ["S3's test event through SNS", sns(sample('s3-test-event')), 's3:TestEvent'],
    [
      'a deletion',
      edited('s3-put', ({ Records }) => {
        Object.assign(Records[0] ?? {}, { eventName: 'ObjectRemoved:Delete' });
      }),
      'ObjectRemoved:Delete',
    ],
    [
      'a deletion by EventBridge',
      edited('eventbridge-created', (event) => {
        Object.assign(event, { 'detail-type': 'Object Deleted' });
      }),
      'Object Deleted',
    ],
  ])('that is %s is swallowed', (_name, body, why) => {
    expect(parseMessage(body)).toEqual({ kind: 'ignored', why });
  });

  it.each([
    [{ prompt: 'a chair' }],
    [{ input: { prompt: 'a chair' }, id: 'chair' }],
    [{ from: 'chair', input: { simplify: 0.9 } }],
    // Wrong as a job, but meant as one: the job's own messages say what is wrong.
    [{ prompt: 7 }],
  ])('may be the job itself: %j', (job) => {
    expect(parseMessage(JSON.stringify(job))).toEqual({ kind: 'job', job });
    expect(parseMessage(sns(JSON.stringify(job)))).toEqual({ kind: 'job', job });
  });

  it("may be Espalier's own, with or without a trace", () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect(parseMessage(encodeJobTurn({ job: 'chair' }))).toEqual({ kind: 'turn', turn: { job: 'chair' } });
    expect(parseMessage(encodeJobTurn({ job: 'chair', traceparent }))).toEqual({
      kind: 'turn',
      turn: { job: 'chair', traceparent },
    });
    expect(parseMessage(encodeJobTurn({ job: 'chair', traceparent: 'nonsense' }))).toEqual({
      kind: 'turn',
      turn: { job: 'chair' },
    });
  });

  it.each([
    ['', 'BODY_EMPTY', /empty/],
    ['hello', 'BODY_NOT_JSON', /not JSON/],
    ['[]', 'MESSAGE_UNKNOWN', /no object/],
    ['{}', 'MESSAGE_UNKNOWN', /\(none\)/],
    ['{"colour":"red"}', 'MESSAGE_UNKNOWN', /'colour'/],
    ['{"Records":[]}', 'MESSAGE_MALFORMED', /S3 notification.*Records/],
    ['{"Records":[{"eventVersion":"3.0"}]}', 'MESSAGE_MALFORMED', /Records\.0\.eventVersion/],
    ['{"Service":"Amazon S3","Event":"s3:Other"}', 'MESSAGE_MALFORMED', /test event/],
    ['{"detail-type":"Object Created","source":"aws.ec2"}', 'MESSAGE_MALFORMED', /EventBridge/],
    ['{"espalier":{"job":"../etc"}}', 'MESSAGE_MALFORMED', /job id/],
    [sns(sns(sns('{"prompt":"x"}'))), 'MESSAGE_NESTED', /envelope/],
    ['{"a":'.repeat(100) + '1'.padEnd(101, '}'), 'BODY_TOO_DEEP', /levels/],
    [JSON.stringify({ prompt: 'x'.repeat(300_000) }), 'BODY_TOO_LARGE', /bytes/],
    [
      edited('s3-put', ({ Records }) => {
        Object.assign(Records[0] ?? {}, { s3: { bucket: { name: 'b' }, object: { key: 'jobs/%zz.json' } } });
      }),
      'MESSAGE_MALFORMED',
      /form-encoded/,
    ],
  ])('that is none of these says why: %.40s', (body, code, reason) => {
    expect(parseMessage(body)).toEqual({ kind: 'invalid', code, reason: expect.stringMatching(reason) });
  });

  it('never makes the reader throw, whatever it is (property)', () => {
    const pieces = fc.constantFrom(
      'Records',
      'Event',
      'Service',
      'detail-type',
      'Type',
      'Message',
      'espalier',
      'prompt',
    );
    const nearMiss = fc.dictionary(fc.oneof(pieces, fc.string()), fc.jsonValue({ maxDepth: 4 }));
    const broken = fc
      .tuple(fc.constantFrom('s3-put', 's3-test-event', 'eventbridge-created'), fc.nat(), fc.string({ unit: 'binary' }))
      .map(([name, at, text]) => {
        const body = sample(name);
        return body.slice(0, at % body.length) + text + body.slice((at % body.length) + text.length);
      });
    const body = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      nearMiss.map((value) => JSON.stringify(value)),
      broken,
    );
    fc.assert(
      fc.property(body, (text) => {
        for (const candidate of [text, sns(text)]) {
          const parsed = parseMessage(candidate);
          if (parsed.kind === 'invalid') expect(parsed.reason.length).toBeGreaterThan(10);
          if (parsed.kind === 'objects') expect(parsed.objects.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('sequencers', () => {
  it('are compared as hexadecimal numbers, aligned at the left', () => {
    expect(compareSequencers('0055AED6DCD90281E5', '0055AED6DCD90281E5')).toBe(0);
    expect(compareSequencers('0055AED6DCD90281E4', '0055aed6dcd90281e5')).toBeLessThan(0);
    expect(compareSequencers('00F1', '00F')).toBeGreaterThan(0);
    expect(compareSequencers('00F0', '00F')).toBe(0);
    expect(compareSequencers('1', '0FFFFFFF')).toBeGreaterThan(0);
  });
});
