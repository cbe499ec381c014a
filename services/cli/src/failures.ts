/** Errors as a user reads them, and the exit code they give. */
import { EspalierError, ensureError, type Failure, failureOf, RejectedError } from '@espalier/contracts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import type { CliIo } from './io.ts';

const USAGE_CODES: ReadonlySet<string> = new Set(['SETTING_INVALID', 'USAGE', 'MODEL_NOT_FOUND']);

function exitCodeOf(thrown: unknown): ExitCode {
  const usage = thrown instanceof RejectedError || (thrown instanceof EspalierError && USAGE_CODES.has(thrown.code));
  return usage ? EXIT.usage : EXIT.failed;
}

/** Tells what went wrong: as lines on stderr, or with `json` as one object on stdout. */
export function reportFailure(io: CliIo, thrown: unknown, json: boolean): ExitCode {
  const failure = failureOf(thrown);
  if (json) io.out(`${JSON.stringify({ ok: false, error: failure }, null, 2)}\n`);
  else io.err(failureText(failure));
  // Ours say everything in their message; of anything else the place is what helps to mend it.
  if (!(thrown instanceof EspalierError)) io.err(`${ensureError(thrown).stack ?? ''}\n`);
  return exitCodeOf(thrown);
}

export function failureText({ code, message, remedy }: Failure): string {
  const lines = [`error: ${message} [${code}]`];
  if (remedy !== undefined && !message.includes(remedy)) lines.push(`  ${remedy}`);
  return `${lines.join('\n')}\n`;
}
