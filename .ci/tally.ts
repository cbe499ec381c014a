/**
 * Closes a vitest run with one plain line, `N passed, N failed`, that scripts can add up, and names before it what
 * failed: the long report of a failure stands far above, and a log that was cut has lost it.
 */
import type { Reporter, SerializedError, TestModule } from 'vitest/node';

export class Tally implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    let passed = 0;
    const failures: string[] = [];
    const add = (where: string, error: { message: string } | undefined) =>
      failures.push(`FAILED: ${where}: ${error?.message.split('\n', 1)[0] ?? 'no error was given'}`);
    for (const module of modules) {
      const file = module.relativeModuleId;
      // A module that could not be loaded, or a suite whose hook threw, has no failed test to count.
      for (const error of module.errors()) add(file, error);
      for (const suite of module.children.allSuites())
        for (const error of suite.errors()) add(`${file} > ${suite.fullName}`, error);
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === 'passed') passed += 1;
        else if (result.state === 'failed') add(`${file} > ${test.fullName}`, result.errors[0]);
      }
    }
    for (const error of unhandled) add('outside of any test', error);
    for (const line of failures) process.stdout.write(`${line}\n`);
    process.stdout.write(`${passed} passed, ${failures.length} failed\n`);
  }
}
