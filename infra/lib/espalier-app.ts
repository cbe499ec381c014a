/** All stacks of a deployment. */
import { type App, Validations } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { type FleetConfig, readConfig } from './config.ts';
import { DispatchStack } from './dispatch-stack.ts';
import { FleetStack } from './fleet-stack.ts';
import { JobStack } from './job-stack.ts';
import { acknowledgeDispatchStack } from './nag/dispatch-stack.ts';
import { acknowledgeFleetStack } from './nag/fleet-stack.ts';
import { acknowledgeJobStack } from './nag/job-stack.ts';
import { OperationsStack } from './operations-stack.ts';

export interface EspalierStacks {
  readonly config: FleetConfig;
  readonly jobs: JobStack;
  readonly fleet: FleetStack | undefined;
  readonly dispatch: DispatchStack | undefined;
  readonly operations: OperationsStack;
}

/** @throws Error naming every option at fault */
export function buildApp(app: App): EspalierStacks {
  const config = readConfig(app.node.getAllContext());
  const env = config.region === undefined ? {} : { env: { region: config.region } };
  const jobs = new JobStack(app, 'EspalierJobs', {
    ...env,
    config,
    description: 'Espalier: the bucket and the queues that a job travels through',
  });
  const fleet =
    config.fleet === 'none'
      ? undefined
      : new FleetStack(app, 'EspalierFleet', {
          ...env,
          config,
          jobs,
          description: 'Espalier: machines, none while idle',
        });
  const { runpodEndpoint: endpoint, runpodKeySecret: keySecret } = config;
  const dispatch =
    endpoint === undefined || keySecret === undefined
      ? undefined
      : new DispatchStack(app, 'EspalierDispatch', {
          ...env,
          config,
          endpoint,
          keySecret,
          jobs,
          description: 'Espalier: feeds a RunPod endpoint from the generate queue',
        });
  const operations = new OperationsStack(app, 'EspalierOperations', {
    ...env,
    config,
    jobs,
    fleet,
    description: 'Espalier: dashboard and alarms',
  });
  // A finding that is not acknowledged with a reason fails the synthesis.
  acknowledgeJobStack(jobs);
  if (fleet !== undefined) acknowledgeFleetStack(fleet, jobs);
  if (dispatch !== undefined) acknowledgeDispatchStack(dispatch, jobs);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  return { config, jobs, fleet, dispatch, operations };
}
