import { defineConfig } from 'vitest/config';
import { Tally } from './.ci/tally.ts';

const shared = {
  env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
  testTimeout: 300_000,
  // The first run on a machine builds and fetches the servers.
  hookTimeout: 600_000,
  pool: 'forks' as const,
};

/**
 * `npm run test:compose`: the servers of docker-compose.yml as processes, without a container engine. Wants Go, Java, Maven
 * and Linux. docs/testing.md says what each server passes.
 */
export default defineConfig({
  test: {
    reporters: ['default', new Tally()],
    maxWorkers: 1,
    // VersityGW keeps an object as a file under its key, so it holds no keys with the segments `.` and `..` or none between two
    // slashes, and nothing in a key that ends with a slash. No key of ours is like that.
    testNamePattern: /^(?!.*(orders keys by their bytes, folders or not|holds odd keys \(property\))).*$/,
    projects: [
      {
        test: {
          ...shared,
          name: 'bucket',
          include: ['packages/storage/test/s3-store.aws.test.ts'],
          globalSetup: ['infra/compose/bucket-setup.ts'],
        },
      },
      {
        test: {
          ...shared,
          name: 'queues',
          include: ['packages/queue/test/sqs-queue.aws.test.ts'],
          globalSetup: ['infra/compose/queues-setup.ts'],
        },
      },
      { test: { ...shared, name: 'compose', include: ['infra/compose/*.compose.test.ts'] } },
    ],
  },
});
