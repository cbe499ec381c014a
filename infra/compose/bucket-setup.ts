/** Vitest's global set-up of the storage suite: the compose file's S3 server, or the one that `TEST_S3_ENDPOINT` names. */
import type { TestProject } from 'vitest/node';
import { provideServer } from './provide-server.ts';
import { startBucket } from './servers.ts';

/** The suite's own credentials. */
const environment = { ROOT_ACCESS_KEY_ID: 'test', ROOT_SECRET_ACCESS_KEY: 'testtest' };

export default (project: TestProject): Promise<() => Promise<void>> =>
  provideServer(project, process.env.TEST_S3_ENDPOINT, (folder) =>
    startBucket({ folder, host: '127.0.0.1', environment }),
  );
