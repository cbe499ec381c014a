/**
 * Each network against PyTorch: same weights, same inputs, two threads, two processes that take turns. And the flow
 * models of TRELLIS-text-xlarge's shape: how fast they open, and that they run.
 *
 *     npm run bench -- networks [NAME ...] [--threads=N] [--rounds=N] [--save]    NAME: a network of cases.ts, or xl
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nodeFlagsFor } from '@espalier/contracts';
import type { BenchReport, Goal } from '../report.ts';
import { LATENT_RESOLUTION, NETWORK_CASES, type NetworkCase } from './cases.ts';
import { duel, type Fighter } from './duel.ts';
import { makeXl } from './make-xl.ts';
import { referencePython } from './python.ts';
import type { XlFigures } from './xl.ts';

const THREADS = '2';
const ROUNDS = '5';
/** Largest difference over largest value at which two float32 results of one network are taken to be the same work. */
const SAME = 1e-4;

interface NetworkFigures {
  readonly network: string;
  readonly timeRatio: number;
  readonly cpuRatio: number;
  readonly peakRatio: number;
  readonly growthRatio: number;
  readonly ours: Fighter;
  readonly pytorch: Fighter;
}

interface Settings {
  readonly threads: number;
  readonly rounds: number;
}

export async function run(args: readonly string[]): Promise<BenchReport> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { threads: { type: 'string', default: THREADS }, rounds: { type: 'string', default: ROUNDS } },
  });
  const settings = { threads: Number(values.threads), rounds: Number(values.rounds) };
  const names = positionals.length > 0 ? positionals : [...NETWORK_CASES.map(({ name }) => name), 'xl'];
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  try {
    const networks: NetworkFigures[] = [];
    for (const network of NETWORK_CASES.filter(({ name }) => names.includes(name))) {
      networks.push(await measure(network, folder, settings));
    }
    const xl: (XlFigures & { readonly which: string })[] = [];
    if (names.includes('xl')) {
      xl.push(await measureXl(folder, 'structure', settings), await measureXl(folder, 'latent', settings));
    }
    return report(networks, xl, settings);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function measure(network: NetworkCase, folder: string, { threads, rounds }: Settings): Promise<NetworkFigures> {
  const python = referencePython();
  const reference = fileURLToPath(new URL('reference.py', import.meta.url));
  const subject = new URL('subject.ts', import.meta.url);
  execFileSync(python, [reference, 'make', folder, network.name], {
    input: JSON.stringify({ ...network, latent: LATENT_RESOLUTION }),
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const common = [folder, network.name, String(threads)];
  const [ours, pytorch] = (await duel(
    [
      [process.execPath, ...nodeFlagsFor(subject), fileURLToPath(subject), ...common],
      [python, reference, 'serve', ...common],
    ],
    rounds,
  )) as [Fighter, Fighter];
  // The machine may be busy with other things: the least disturbed run of each counts.
  const best = (fighter: Fighter, key: 'seconds' | 'cpu') => Math.min(...fighter.runs.map((run) => run[key]));
  return {
    network: network.name,
    timeRatio: best(ours, 'seconds') / best(pytorch, 'seconds'),
    cpuRatio: best(ours, 'cpu') / best(pytorch, 'cpu'),
    peakRatio: ours.peak / pytorch.peak,
    growthRatio: (ours.peak - ours.baseline) / (pytorch.peak - pytorch.baseline),
    ours,
    pytorch,
  };
}

async function measureXl(
  folder: string,
  which: 'structure' | 'latent',
  { threads }: Settings,
): Promise<XlFigures & { readonly which: string }> {
  const stem = await makeXl(folder, which);
  const script = new URL('xl.ts', import.meta.url);
  const args = [...nodeFlagsFor(script), fileURLToPath(script), stem, String(threads)];
  const output = execFileSync(process.execPath, args, { encoding: 'utf8' });
  await rm(`${stem}.safetensors`);
  return { which, ...(JSON.parse(output) as XlFigures) };
}

function report(
  networks: readonly NetworkFigures[],
  xl: readonly (XlFigures & { readonly which: string })[],
  settings: Settings,
): BenchReport {
  const goals: Goal[] = networks.flatMap(({ network, timeRatio, peakRatio, ours }) => [
    { name: `${network}: time over PyTorch's`, value: timeRatio, limit: 1 },
    { name: `${network}: peak memory over PyTorch's`, value: peakRatio, limit: 1 },
    { name: `${network}: difference to PyTorch's result`, value: ours.error ?? Number.POSITIVE_INFINITY, limit: SAME },
  ]);
  for (const { which, openSeconds, openGrowth, finite } of xl) {
    goals.push(
      { name: `XL ${which} flow: seconds to open`, value: openSeconds, limit: 2 },
      { name: `XL ${which} flow: MB of own memory that opening took`, value: openGrowth, limit: 400 },
      { name: `XL ${which} flow: one step gives numbers`, value: finite ? 1 : 0, limit: 1, sense: 'at-least' },
    );
  }
  return {
    rows: networks.map((figures) => ({
      network: figures.network,
      'time ratio': figures.timeRatio,
      'CPU ratio': figures.cpuRatio,
      'peak ratio': figures.peakRatio,
      'growth ratio': figures.growthRatio,
      'our seconds': Math.min(...figures.ours.runs.map(({ seconds }) => seconds)),
      'our peak MB': Math.round(figures.ours.peak),
      "PyTorch's peak MB": Math.round(figures.pytorch.peak),
      difference: figures.ours.error ?? '',
    })),
    figures: { ...settings, networks, xl },
    goals,
  };
}
