import { defineConfig } from 'vitest/config';
import { Tally } from './.ci/tally.ts';

export default defineConfig({
  test: {
    include: ['packages/**/*.test.ts', 'services/**/*.test.ts', 'bench/**/*.test.ts', 'infra/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/*.aws.test.ts', '**/*.browser.test.ts', '**/*.compose.test.ts'],
    reporters: ['default', new Tally()],
    // Ten times what the longest take on a machine of their own; a busy one is slow, and what hangs fails all the same.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    pool: 'forks',
    maxWorkers: 2,
  },
});
