import { App } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { JobStack } from './job-stack.ts';

describe('JobStack', () => {
  let template: Template;
  beforeAll(() => {
    template = Template.fromStack(new JobStack(new App(), 'Jobs'));
  });

  it('keeps the bucket private, encrypted and TLS only', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      BucketEncryption: Match.objectLike({ ServerSideEncryptionConfiguration: Match.anyValue() }),
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
        ]),
      },
    });
  });

  it('expires checkpoints and keeps results', () => {
    const [bucket] = Object.values(template.findResources('AWS::S3::Bucket'));
    const rules: { Prefix?: string; ExpirationInDays?: number }[] = bucket?.Properties.LifecycleConfiguration.Rules;
    const expiring = rules.filter((rule) => rule.ExpirationInDays !== undefined);
    expect(expiring.map((rule) => rule.Prefix)).toEqual(['checkpoints/']);
  });

  it('gives every lane a queue with dead letters behind it', () => {
    template.resourceCountIs('AWS::SQS::Queue', 6);
    const queues = Object.values(template.findResources('AWS::SQS::Queue'));
    const redriving = queues.filter((queue) => queue.Properties.RedrivePolicy !== undefined);
    expect(redriving).toHaveLength(3);
    for (const queue of redriving) expect(queue.Properties.RedrivePolicy.maxReceiveCount).toBeGreaterThanOrEqual(10);
  });

  it('announces jobs/*.json and nothing else', () => {
    template.hasResourceProperties('Custom::S3BucketNotifications', {
      NotificationConfiguration: {
        QueueConfigurations: [
          {
            Events: ['s3:ObjectCreated:*'],
            Filter: {
              Key: {
                FilterRules: [
                  { Name: 'suffix', Value: '.json' },
                  { Name: 'prefix', Value: 'jobs/' },
                ],
              },
            },
          },
        ],
      },
    });
  });
});
