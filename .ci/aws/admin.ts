/** Sets up buckets, queues, topics and rules on the test server, which reads signatures for their service only. */

interface TestQueue {
  readonly url: string;
  readonly arn: string;
}

export interface AwsAdmin {
  createBucket(name: string): Promise<void>;
  /** Sends what is created, under `prefix` only, to a queue or a topic; or everything to EventBridge. */
  notify(
    bucket: string,
    target: { readonly queue: string } | { readonly topic: string } | 'eventbridge',
    prefix?: string,
  ): Promise<void>;
  /** With `deadLetters`, that queue's ARN gets what was received `maxReceiveCount` times. */
  createQueue(
    name: string,
    redrive?: { readonly deadLetters: string; readonly maxReceiveCount: number },
  ): Promise<TestQueue>;
  /** A topic that passes everything on to the queue. @returns its ARN */
  createTopic(name: string, queueArn: string): Promise<string>;
  /** Passes S3's events of a bucket on to the queue. */
  createRule(name: string, bucket: string, queueArn: string): Promise<void>;
}

export function awsAdmin(endpoint: string): AwsAdmin {
  const call = async (service: string, path: string, init: { method: string; headers?: object; body?: string }) => {
    const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/${service}/aws4_request, SignedHeaders=host, Signature=0`;
    const response = await fetch(endpoint + path, { ...init, headers: { authorization, ...init.headers } });
    const text = await response.text();
    if (!response.ok) throw new Error(`${service} ${init.method} ${path}: ${response.status} ${text}`);
    return text;
  };
  const json = async (service: string, target: string, body: object) =>
    JSON.parse(
      (await call(service, '/', {
        method: 'POST',
        headers: { 'x-amz-target': target, 'content-type': 'application/x-amz-json-1.0' },
        body: JSON.stringify(body),
      })) || '{}',
    );
  const query = (service: string, body: Record<string, string>) =>
    call(service, '/', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(body).toString(),
    });
  return {
    async createBucket(name) {
      await call('s3', `/${name}`, { method: 'PUT' });
    },
    async notify(bucket, target, prefix) {
      const rule =
        prefix &&
        `<Filter><S3Key><FilterRule><Name>prefix</Name><Value>${prefix}</Value></FilterRule></S3Key></Filter>`;
      const event = `<Event>s3:ObjectCreated:*</Event>${rule ?? ''}`;
      const inner =
        target === 'eventbridge'
          ? '<EventBridgeConfiguration/>'
          : 'queue' in target
            ? `<QueueConfiguration><Id>q</Id><Queue>${target.queue}</Queue>${event}</QueueConfiguration>`
            : `<TopicConfiguration><Id>t</Id><Topic>${target.topic}</Topic>${event}</TopicConfiguration>`;
      const body = `<NotificationConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${inner}</NotificationConfiguration>`;
      await call('s3', `/${bucket}?notification`, { method: 'PUT', body });
    },
    async createQueue(name, redrive) {
      const policy = redrive && {
        deadLetterTargetArn: redrive.deadLetters,
        maxReceiveCount: redrive.maxReceiveCount,
      };
      const { QueueUrl } = await json('sqs', 'AmazonSQS.CreateQueue', {
        QueueName: name,
        ...(policy && { Attributes: { RedrivePolicy: JSON.stringify(policy) } }),
      });
      const { Attributes } = await json('sqs', 'AmazonSQS.GetQueueAttributes', {
        QueueUrl,
        AttributeNames: ['QueueArn'],
      });
      return { url: QueueUrl, arn: Attributes.QueueArn };
    },
    async createTopic(name, queueArn) {
      const answer = await query('sns', { Action: 'CreateTopic', Name: name, Version: '2010-03-31' });
      const arn = /<TopicArn>([^<]+)/.exec(answer)?.[1] ?? '';
      await query('sns', {
        Action: 'Subscribe',
        TopicArn: arn,
        Protocol: 'sqs',
        Endpoint: queueArn,
        Version: '2010-03-31',
      });
      return arn;
    },
    async createRule(name, bucket, queueArn) {
      const pattern = { source: ['aws.s3'], detail: { bucket: { name: [bucket] } } };
      await json('events', 'AWSEvents.PutRule', { Name: name, EventPattern: JSON.stringify(pattern) });
      await json('events', 'AWSEvents.PutTargets', { Rule: name, Targets: [{ Id: 'q', Arn: queueArn }] });
    },
  };
}
