import type { ExitCode } from './exit-codes.ts';

/** Runs a command's work, and keeps its exit code. */
export type Run = (work: () => Promise<ExitCode>) => Promise<void>;
