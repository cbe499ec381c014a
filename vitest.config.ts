import { defineConfig } from 'vitest/config';
import { Tally } from './.ci/tally.ts';

export default defineConfig({
  test: {
    include: ['packages/**/*.test.ts', 'services/**/*.test.ts', 'bench/**/*.test.ts', 'infra/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/*.aws.test.ts', '**/*.browser.test.ts', '**/*.compose.test.ts'],
    reporters: ['default', new Tally()],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // The default of one second is missed on a busy machine; what never comes true fails all the same.
    expect: { poll: { timeout: 20_000 } },
    pool: 'forks',
    maxWorkers: 2,
  },
});
