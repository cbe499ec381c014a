/** What a command may touch of the process it runs in. */

export interface CliIo {
  /** Standard output: only what the user asked for. */
  out(text: string): void;
  /** Standard error: progress, notes, errors. */
  err(text: string): void;
  /** Whether standard error is a terminal that a line can be rewritten on. */
  readonly interactive: boolean;
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export function processIo(): CliIo {
  // Whoever reads us may stop reading (`| head`): that is no error of ours.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
    });
  }
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    interactive: process.stderr.isTTY === true && process.env.TERM !== 'dumb',
    // A pseudo terminal may say 0.
    columns: process.stderr.columns || 80,
    env: process.env,
    cwd: process.cwd(),
  };
}
