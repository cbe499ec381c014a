/** Findings of cdk-nag about machines that are so on purpose, each with its reason. */
import { Validations } from 'aws-cdk-lib';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import { bucketStatements, factsStatements, modelStatements } from '../access.ts';
import type { FleetStack } from '../fleet-stack.ts';
import type { JobStack } from '../job-stack.ts';
import { acknowledgeKeys } from './keys.ts';

export function acknowledgeFleetStack(stack: FleetStack, jobs: JobStack): void {
  const { gpu, cpu } = stack;
  const gpuRole = Validations.of(gpu.role);
  gpuRole.acknowledge({
    id: 'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/AmazonSSMManagedInstanceCore]',
    reason: 'a shell for whoever has to look at a machine, without keys or open ports; AWS keeps the policy in step',
  });
  gpuRole.acknowledge({
    id: `AwsSolutions-IAM5[Resource::${flattenCfnReference(stack.resolve(gpu.groupArn))}]`,
    reason: "the wildcard is the group's unique id, which AWS makes up; its name is given",
  });
  Validations.of(gpu.group).acknowledge({
    id: 'AwsSolutions-EC26',
    reason: 'the rule cannot follow a reference to a launch template; both volumes there are encrypted',
  });
  for (const [lane, service] of [
    ['finish', cpu.finish],
    ['notify', cpu.notify],
  ] as const) {
    const models = lane === 'finish' ? factsStatements(jobs.store) : [];
    acknowledgeKeys(service.task.taskRole, jobs, `the ${lane} lane`, [
      ...bucketStatements(jobs.store, lane),
      ...models,
    ]);
    Validations.of(service.task).acknowledge({
      id: 'AwsSolutions-ECS2',
      reason: 'the variables name a bucket, queues and sizes; the one secret comes from Secrets Manager',
    });
  }
  acknowledgeKeys(gpu.role, jobs, 'the generate lane', [
    ...bucketStatements(jobs.store, 'generate'),
    ...modelStatements(jobs.store),
  ]);
  for (const secret of [cpu.webhookSecret, cpu.webhookRandom]) {
    Validations.of(secret).acknowledge({
      id: 'AwsSolutions-SMG4',
      reason: 'receivers have to learn a new secret first: it is replaced by hand, old and new signing side by side',
    });
  }
  // Images that are built from this checkout come from CDK's own registry.
  for (const role of [gpu.role, cpu.finish.task.obtainExecutionRole(), cpu.notify.task.obtainExecutionRole()]) {
    Validations.of(role).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'ecr:GetAuthorizationToken knows no resources; pulling itself is allowed for one repository',
    });
  }
}
