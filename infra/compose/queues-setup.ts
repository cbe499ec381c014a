/** Vitest's global set-up of the queue suite: the compose file's SQS server, or the one that `TEST_SQS_ENDPOINT` names. */
import type { TestProject } from 'vitest/node';
import { provideServer } from './provide-server.ts';
import { startQueues } from './servers.ts';

export default (project: TestProject): Promise<() => Promise<void>> =>
  provideServer(project, process.env.TEST_SQS_ENDPOINT, (folder) => startQueues({ folder, host: '127.0.0.1' }));
