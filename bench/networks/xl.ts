/** Opens the XL-shaped flow model and runs one step, in a process of its own: `xl.ts STEM THREADS RUN`. */
import { readFileSync } from 'node:fs';
import { TorchGenerator } from '@espalier/tensors';
import { readNetworkConfig, StructureFlow } from '@espalier/trellis/networks';

function resident(field: 'RssAnon' | 'RssFile' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

export interface XlFigures {
  readonly openSeconds: number;
  /** Megabytes of memory of the process's own that opening took. The weights are 1900. */
  readonly openGrowth: number;
  readonly stepSeconds: number;
  /** Resident megabytes after the step that belong to mapped files, and that are the process's own. */
  readonly mapped: number;
  readonly own: number;
  readonly peak: number;
  readonly finite: boolean;
}

const [, , stem = '', threads = '2'] = process.argv;
const config = await readNetworkConfig(`${stem}.json`, 'SparseStructureFlowModel');
const before = resident('RssAnon');
const started = performance.now();
const flow = await StructureFlow.open(config, `${stem}.safetensors`, { device: 'cpu', threads: Number(threads) });
const openSeconds = (performance.now() - started) / 1000;
const openGrowth = resident('RssAnon') - before;

const generator = new TorchGenerator(42);
const x = generator.randn(config.in_channels * config.resolution ** 3);
const cond = {
  dtype: 'F32',
  shape: [1, 77, config.cond_channels],
  data: generator.randn(77 * config.cond_channels),
} as const;
const begun = performance.now();
const velocity = await flow.velocity(x, 1000, cond);
const figures: XlFigures = {
  openSeconds,
  openGrowth,
  stepSeconds: (performance.now() - begun) / 1000,
  mapped: resident('RssFile'),
  own: resident('RssAnon'),
  peak: resident('VmHWM'),
  finite: velocity.every(Number.isFinite),
};
process.stdout.write(`${JSON.stringify(figures)}\n`);
