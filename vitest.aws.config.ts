import { defineConfig } from 'vitest/config';
import { Tally } from './.ci/tally.ts';

/** `npm run test:aws`: the tests that talk to real S3 and SQS servers, which this run starts and stops itself. */
export default defineConfig({
  test: {
    include: ['{packages,services,bench,infra}/**/*.aws.test.ts'],
    globalSetup: ['.ci/aws/setup.ts'],
    // The pinned SDK runs on Node 20; what later versions will want is no news for a test log.
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    reporters: ['default', new Tally()],
    testTimeout: 120_000,
    // The first run on a machine installs the server.
    hookTimeout: 300_000,
    // The default of one second is missed on a busy machine; what never comes true fails all the same.
    expect: { poll: { timeout: 60_000 } },
    pool: 'forks',
    maxWorkers: 2,
  },
});
