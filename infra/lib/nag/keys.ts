/** Wildcards in the keys that a role may use: each pattern is acknowledged by itself. */
import { Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import type { IConstruct } from 'constructs';
import type { JobStack } from '../job-stack.ts';

/**
 * A wildcard that another statement brings in still fails the synthesis.
 *
 * @param who works on those keys
 */
export function acknowledgeKeys(
  role: IConstruct,
  jobs: JobStack,
  who: string,
  statements: readonly PolicyStatement[],
): void {
  const { bucket, isOurs } = jobs.store;
  const here = flattenCfnReference(jobs.resolve(bucket.bucketArn));
  // What another stack sees of a bucket that is made in this one.
  const there = isOurs ? flattenCfnReference(jobs.resolve(jobs.exportValue(bucket.bucketArn))) : here;
  for (const arn of statements.flatMap(({ resources }) => resources)) {
    const pattern = flattenCfnReference(jobs.resolve(arn)).replace(here, there);
    if (!pattern.includes('*')) continue;
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${pattern}]`,
      reason: `the wildcard is the job's or checkpoint's own part of a key that ${who} works on`,
    });
  }
}
