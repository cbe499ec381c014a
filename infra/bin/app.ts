/** The CDK app: `npx cdk synth` at the repository's root writes the templates, without an account or a network. */
import { App } from 'aws-cdk-lib';
import { JobStack } from '../lib/job-stack.ts';

const app = new App();
new JobStack(app, 'EspalierJobs', {
  description: 'Espalier: the bucket and the queues that a job travels through',
});
