/** Opens an XL-shaped flow model and runs one step, in a process of its own: `xl.ts STEM THREADS`. */
import { readFileSync } from 'node:fs';
import { type Tensor, TorchGenerator } from '@espalier/tensors';
import { readNetworkConfig, SLatFlow, StructureFlow } from '@espalier/trellis/networks';

export interface XlFigures {
  readonly openSeconds: number;
  /** Megabytes of memory of the process's own that opening took. The weights are 1900 or more. */
  readonly openGrowth: number;
  /** One velocity: half or all of a sampler's step, without and with guidance. */
  readonly stepSeconds: number;
  /** Resident megabytes after it that belong to mapped files, and that are the process's own. */
  readonly mapped: number;
  readonly own: number;
  readonly peak: number;
  readonly finite: boolean;
}

/** Voxels of the latent model's step: a ball of this radius. */
const RADIUS = 8;

function resident(field: 'RssAnon' | 'RssFile' | 'VmHWM'): number {
  const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) / 1024;
}

function ball(resolution: number): Int32Array {
  const voxels: number[] = [];
  const centre = (resolution - 1) / 2;
  for (let i = 0; i < resolution ** 3; i++) {
    const voxel = [Math.floor(i / resolution ** 2), Math.floor(i / resolution) % resolution, i % resolution];
    if (Math.hypot(...voxel.map((x) => x - centre)) < RADIUS) voxels.push(...voxel);
  }
  return Int32Array.from(voxels);
}

const [, , stem = '', threads = '2'] = process.argv;
const weights = `${stem}.safetensors`;
const options = { device: 'cpu', threads: Number(threads) } as const;
const generator = new TorchGenerator(42);
const conditionOf = (channels: number): Tensor<Float32Array> => ({
  dtype: 'F32',
  shape: [1, 77, channels],
  data: generator.randn(77 * channels),
});

async function openStructure(): Promise<() => Promise<Float32Array>> {
  const config = await readNetworkConfig(`${stem}.json`, 'SparseStructureFlowModel');
  const flow = await StructureFlow.open(config, weights, options);
  const x = generator.randn(config.in_channels * config.resolution ** 3);
  return async () => (await flow.velocities(x, 1000, [conditionOf(config.cond_channels)]))[0] as Float32Array;
}

async function openLatent(): Promise<() => Promise<Float32Array>> {
  const config = await readNetworkConfig(`${stem}.json`, 'SLatFlowModel');
  const flow = await SLatFlow.open(config, weights, options);
  const tables = flow.tables(ball(config.resolution));
  const x = generator.randn(config.in_channels * tables.rows);
  return async () => (await flow.velocities(x, 1000, [conditionOf(config.cond_channels)], tables))[0] as Float32Array;
}

const before = resident('RssAnon');
const started = performance.now();
const step = await (stem.includes('slat_flow') ? openLatent() : openStructure());
const openSeconds = (performance.now() - started) / 1000;
const openGrowth = resident('RssAnon') - before;
const begun = performance.now();
const velocity = await step();
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
