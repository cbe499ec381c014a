/**
 * `npm run bench -- NAME [args]` runs `bench/NAME/index.ts`: a table, the goals, and as the last line the figures as
 * JSON. Exit code 1 when a stated goal is missed, 2 for an unknown name. `--save` also writes the figures to
 * `bench/NAME/results/`, where they are committed.
 */

import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, totalmem } from 'node:os';
import { type Bench, formatTable, isMet } from './report.ts';

const here = new URL('.', import.meta.url);
const names = readdirSync(here, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(new URL(`${entry.name}/index.ts`, here)))
  .map((entry) => entry.name);
const [name = '', ...args] = process.argv.slice(2);

if (!names.includes(name)) {
  process.stderr.write(`usage: npm run bench -- NAME\nNAME is one of: ${names.join(', ')}\n`);
  process.exitCode = 2;
} else {
  const { run } = (await import(new URL(`${name}/index.ts`, here).href)) as { run: Bench };
  const report = await run(args.filter((arg) => arg !== '--save'));
  process.stdout.write(`${formatTable(report.rows)}\n\n`);
  for (const goal of report.goals) {
    const sign = goal.sense === 'at-least' ? '>=' : '<=';
    const verdict = isMet(goal) ? 'met   ' : 'MISSED';
    process.stdout.write(`${verdict} ${goal.name}: ${Number(goal.value.toPrecision(4))} ${sign} ${goal.limit}\n`);
  }
  const machine = {
    node: process.version,
    platform: `${platform()}-${arch()}`,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    /** What else ran: above the number of processors, wall times say little. */
    load_average: Number(loadavg()[0]?.toFixed(1)),
    memory_gb: Math.round(totalmem() / 2 ** 30),
  };
  const result = { bench: name, machine, goals: report.goals, figures: report.figures };
  if (args.includes('--save')) {
    const folder = new URL(`${name}/results/`, here);
    mkdirSync(folder, { recursive: true });
    writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(result, null, 2)}\n`);
  }
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (!report.goals.every(isMet)) process.exitCode = 1;
}
