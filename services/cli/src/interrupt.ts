/** Ctrl-C and SIGTERM as an AbortSignal: the first one asks, the second one ends the process. */
import { CancelledError } from '@espalier/contracts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';

export interface Interrupt {
  readonly signal: AbortSignal;
  /** The code to end with; absent while nobody asked. */
  readonly exitCode: ExitCode | undefined;
  /** Lets go of the process' signals. */
  release(): void;
}

export function listenForInterrupt(io: CliIo, onFirst: () => void): Interrupt {
  const controller = new AbortController();
  let exitCode: ExitCode | undefined;
  const listener = (name: NodeJS.Signals) => {
    if (exitCode !== undefined) process.exit(exitCode);
    exitCode = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    onFirst();
    if (name === 'SIGINT') io.err('Stopping: saving what is done. Press Ctrl-C again to stop at once.\n');
    controller.abort(new CancelledError(`stopped by ${name}`));
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release() {
      process.off('SIGINT', listener);
      process.off('SIGTERM', listener);
    },
  };
}
