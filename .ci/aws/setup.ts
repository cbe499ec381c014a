/** Vitest's global set-up for `*.aws.test.ts`: one server for the whole run, its address provided to the tests. */
import type { TestProject } from 'vitest/node';
import { startAwsServers } from './servers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Base URL of the S3 and SQS server. */
    awsEndpoint: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const servers = await startAwsServers();
  project.provide('awsEndpoint', servers.endpoint);
  return () => servers.stop();
}
