/** What `npm run eval:starter` is asked to do. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { shownValue, valueAt } from '@espalier/contracts';
import { z } from 'zod';

export const HELP = `npm run eval:starter -- [--json] [--captions N] [--workers N] [--bake-from X] [--save] [--fresh]

Generates N held-out captions (240) with the bundled model and judges category, colours, surface and files; then
diversity over seeds and the effect of guidance, by the structure stage alone. Progress goes to stderr. What is done is
kept under bench/starter/.state, by model revision: a run that was stopped goes on from there. SIGINT and SIGTERM end a
run with the figures of what is done so far.
--json     the figures as one line of JSON on stdout, and nothing else there (npm's own lines aside: npm run --silent)
--captions  1 to 340; "complete" in the figures is false where fewer were judged than asked for
--workers  inference processes of one thread each
--bake-from  gaussians (as jobs do by default) or vertices
--save     also writes bench/starter/results/eval.json and bench/starter/EVAL.md
--fresh    forgets what was done before: say it after a change of the code that makes or judges objects
Exit code 1 when a goal is missed or the run was stopped, 2 for an option that means nothing.
`;

const Options = z.object({
  json: z.boolean(),
  save: z.boolean(),
  fresh: z.boolean(),
  help: z.boolean(),
  captions: z.coerce.number().int().min(1).max(340),
  workers: z.coerce.number().int().min(1).max(64),
  'bake-from': z.enum(['gaussians', 'vertices']),
});
export type EvalOptions = z.infer<typeof Options>;

/** @throws Error that names the option, its value and what it may be */
export function evalOptions(args: readonly string[]): EvalOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      json: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      fresh: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
      captions: { type: 'string', default: '240' },
      workers: { type: 'string', default: String(Math.min(4, availableParallelism())) },
      'bake-from': { type: 'string', default: 'gaussians' },
    },
  });
  const parsed = Options.safeParse(values);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(
    ({ path, message }) => `--${path.join('.')}: ${shownValue(valueAt(values, path))} cannot be used: ${message}`,
  );
  throw new Error(faults.join('\n'));
}
