/** The `espalier` program. */
import { processIo } from './io.ts';
import { runCli } from './program.ts';

process.exitCode = await runCli(processIo(), process.argv.slice(2));
