import { defineConfig } from 'vitest/config';
import { Tally } from './.ci/tally.ts';

/** `npm run test:browser`: the web console in Debian's Chromium (`apt-get install chromium`, or CHROMIUM=/path). */
export default defineConfig({
  test: {
    include: ['services/**/*.browser.test.ts'],
    reporters: ['default', new Tally()],
    testTimeout: 240_000,
    hookTimeout: 120_000,
    // The default of one second is missed on a busy machine; what never comes true fails all the same.
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    maxWorkers: 1,
  },
});
