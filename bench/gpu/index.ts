/**
 * The measurements of `run.sh` on this machine's own GPU: `npm run bench -- gpu [NAME]`, under which name they are kept in
 * `results/` and shown in RESULTS.md. Needs the CUDA provider of ONNX Runtime, and PyTorch for the other side.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isCudaInstalled, tryDevice } from '@espalier/onnx';
import type { Bench, Goal } from '../report.ts';
import { memoryInUse } from './memory.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const STEPS = ['device', 'rates', 'make', 'xl', 'reference', 'variants', 'profile', 'job', 'overlap', 'soak'];

interface Result {
  readonly networks: Readonly<Record<string, { readonly ms: number; readonly guidedMs?: number }>>;
  readonly torch: Readonly<Record<string, { readonly ms?: number }>> | null;
}

/** @throws Error that says what is missing for a measurement. */
async function assertGpu(): Promise<void> {
  if (memoryInUse() === undefined) throw new Error('bench gpu: no NVIDIA GPU: nvidia-smi does not answer');
  if (!isCudaInstalled()) {
    throw new Error('bench gpu: the CUDA provider is missing: ONNXRUNTIME_NODE_INSTALL=1 npm rebuild onnxruntime-node');
  }
  await tryDevice('cuda');
}

function command(name: string, args: readonly string[], env: NodeJS.ProcessEnv): void {
  const { status, error } = spawnSync(name, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) throw new Error(`bench gpu: ${name} ${args.join(' ')} ended with ${status}`, { cause: error });
}

export const run: Bench = async ([name = 'own']) => {
  await assertGpu();
  const folder = mkdtempSync(join(tmpdir(), 'bench-gpu-'));
  mkdirSync(join(folder, 'out'));
  command('bash', [join(here, 'run.sh'), ...STEPS], { ESP: folder, OUT: folder });
  command('python3', [join(here, 'report.py'), 'collect', join(folder, 'out'), name], {});
  const result = JSON.parse(readFileSync(join(here, 'results', `${name}.json`), 'utf8')) as Result;
  const compared = Object.entries(result.networks).flatMap(([network, { ms, guidedMs }]) => {
    const torch = result.torch?.[network]?.ms;
    if (torch === undefined) return [];
    const guided =
      guidedMs === undefined ? [] : [{ network: `${network}, guided step`, ms: guidedMs, torch: 2 * torch }];
    return [{ network, ms, torch }, ...guided].map((row) => ({ ...row, ratio: row.ms / row.torch }));
  });
  const goals = compared
    .filter(({ network }) => network.includes('flow'))
    .map(({ network, ratio }): Goal => ({ name: `${network} to PyTorch`, value: ratio, limit: 1, sense: 'at-most' }));
  return { rows: compared, goals, figures: { name } };
};
