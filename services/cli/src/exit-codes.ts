/** What the process says when it ends; documented in docs/job.md and in `espalier --help`. */
export const EXIT = {
  ok: 0,
  /** The work was begun and failed, or was refused by something that is not the user's input. */
  failed: 1,
  /** Wrong options, settings or job input: nothing was begun. */
  usage: 2,
  /** Stopped by Ctrl-C; what was done is kept. */
  interrupted: 130,
  /** Stopped by SIGTERM; what was done is kept. */
  terminated: 143,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
