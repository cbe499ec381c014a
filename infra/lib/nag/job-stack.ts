/** Findings of cdk-nag about bucket and queues that are so on purpose, each with its reason. */
import { Validations } from 'aws-cdk-lib';
import type { JobStack } from '../job-stack.ts';

export function acknowledgeJobStack(stack: JobStack): void {
  const { bucket, isOurs } = stack.store;
  const why = Validations.of(stack);
  // CloudFormation cannot subscribe a queue to a bucket whose policy names that bucket, nor to one that exists already:
  // CDK does it from a function of its own, whose role is CDK's to shape.
  why.acknowledge({
    id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]',
    reason: "CDK's own function that subscribes the queue to the bucket: it may write its log, nothing else",
  });
  if (!isOurs) {
    why.acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: `CDK's own function reads and writes the notifications of ${bucket.bucketName}, which CDK does not narrow`,
    });
  }
}
