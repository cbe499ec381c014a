/** Findings of cdk-nag about the dispatcher that are so on purpose, each with its reason. */
import { Validations } from 'aws-cdk-lib';
import { bucketStatements, dispatchStatements } from '../access.ts';
import type { DispatchStack } from '../dispatch-stack.ts';
import type { JobStack } from '../job-stack.ts';
import { acknowledgeKeys } from './keys.ts';

export function acknowledgeDispatchStack({ task }: DispatchStack, jobs: JobStack): void {
  acknowledgeKeys(task.taskRole, jobs, 'the dispatcher', [
    ...bucketStatements(jobs.store, 'generate'),
    ...dispatchStatements(jobs.store),
  ]);
  Validations.of(task).acknowledge({
    id: 'AwsSolutions-ECS2',
    reason: "the variables name a bucket, queues and RunPod's endpoint; the one secret comes from Secrets Manager",
  });
  Validations.of(task.obtainExecutionRole()).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason: 'ecr:GetAuthorizationToken knows no resources; pulling itself is allowed for one repository',
  });
}
