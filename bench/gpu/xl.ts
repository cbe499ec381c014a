/**
 * One network on the GPU, in a process of its own: `xl.ts FOLDER CASE [float16|float32] [REPEATS]`, with FOLDER as
 * `make_xl.py` leaves it. Prints its figures as one line of JSON and writes the result to FOLDER/ours.
 *
 * With `GPU_RUNS` nothing is timed: so many guided steps, or runs of another network, for who watches from outside.
 *
 * CASE: `ss_flow`, `slat_flow.N`, `ss_dec`, `slat_dec_mesh`, `slat_dec_gs`.
 */
import './sessions.ts';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { float32, SafetensorsFile, type Tensor, writeSafetensors } from '@espalier/tensors';
import {
  GaussianDecoder,
  MeshDecoder,
  readNetworkConfig,
  SLatFlow,
  StructureDecoder,
  StructureFlow,
} from '@espalier/trellis/networks';
import { MemoryWatch, memoryInUse } from './memory.ts';

const TIME = 700;
/** Of a sampling. */
const STEPS = 25;
const STRUCTURE_LATENT = 16;

const [, , folder = '', name = '', computeType = 'float16', repeats = '20'] = process.argv;
const device = (process.env.ESPALIER_DEVICE ?? 'cuda') as 'cuda' | 'cpu';
const options = {
  device,
  computeType: computeType as 'float16' | 'float32',
};

const inputs = await SafetensorsFile.open(join(folder, 'inputs.safetensors'));
const floats = async (key: string) => (await inputs.readFloat32(key)).data;
const stem = (role: string) => join(folder, 'model', 'ckpts', role);

interface Subject {
  readonly run: () => Promise<Float32Array>;
  /** Flow models: both velocities of a guided step. */
  readonly guide?: () => Promise<unknown>;
  /** Where the product gives the memory of a result back when it is done with it, a part of the run. */
  readonly giveBack?: (result: Float32Array) => void;
  /** Flow models: what is worked out once for all times of a sampling. */
  readonly prepare?: (times: readonly number[]) => Promise<void>;
  readonly release: () => Promise<void>;
}

/** Another condition of the same size. */
function negativeOf({ shape, data }: Tensor<Float32Array>): Tensor<Float32Array> {
  return float32(shape, data.toReversed());
}

async function structureFlow(): Promise<Subject> {
  const config = await readNetworkConfig(`${stem('ss_flow')}.json`, 'SparseStructureFlowModel');
  const flow = await StructureFlow.open(config, `${stem('ss_flow')}.safetensors`, options);
  const [x, cond] = [await floats('ss.x'), await inputs.readFloat32('cond')];
  return {
    run: async () => (await flow.velocities(x, TIME, [cond]))[0] as Float32Array,
    guide: () => flow.velocities(x, TIME, [cond, negativeOf(cond)]),
    prepare: (times) => flow.prepare(times),
    release: () => flow.release(),
  };
}

async function latentFlow(count: string): Promise<Subject> {
  const config = await readNetworkConfig(`${stem('slat_flow')}.json`, 'SLatFlowModel');
  const flow = await SLatFlow.open(config, `${stem('slat_flow')}.safetensors`, options);
  const [x, cond] = [await floats(`x.${count}`), await inputs.readFloat32('cond')];
  const tables = flow.tables((await voxelsOf(count)).data as Int32Array);
  return {
    run: async () => (await flow.velocities(x, TIME, [cond], tables))[0] as Float32Array,
    guide: () => flow.velocities(x, TIME, [cond, negativeOf(cond)], tables),
    prepare: (times) => flow.prepare(times),
    release: () => flow.release(),
  };
}

async function structureDecoder(): Promise<Subject> {
  const config = await readNetworkConfig(`${stem('ss_dec')}.json`, 'SparseStructureDecoder');
  const decoder = await StructureDecoder.open(config, STRUCTURE_LATENT, `${stem('ss_dec')}.safetensors`, options);
  const z = await floats('ss.x');
  return { run: async () => (await decoder.run(z)).logits?.data as Float32Array, release: () => decoder.release() };
}

async function latentDecoder(role: 'slat_dec_mesh' | 'slat_dec_gs', count: string): Promise<Subject> {
  const voxels = (await voxelsOf(count)).data as Int32Array;
  const slat = await floats(`x.${count}`);
  const weights = `${stem(role)}.safetensors`;
  if (role === 'slat_dec_mesh') {
    const config = await readNetworkConfig(`${stem(role)}.json`, 'SLatMeshDecoder');
    const decoder = await MeshDecoder.open(config, weights, options);
    return {
      run: async () => (await decoder.decode(voxels, slat)).features,
      giveBack: (features) => decoder.giveBack(features),
      release: () => decoder.release(),
    };
  }
  const config = await readNetworkConfig(`${stem(role)}.json`, 'SLatGaussianDecoder');
  const decoder = await GaussianDecoder.open(config, weights, options);
  // The raw channels, in memory that is used again, as `decode` does it.
  const h = new Float32Array((voxels.length / 3) * decoder.rawChannels);
  return {
    run: async () => (await decoder.run(voxels, slat, h)).h?.data as Float32Array,
    release: () => decoder.release(),
  };
}

function voxelsOf(count: string): Promise<Tensor> {
  return inputs.read(`voxels.${count}`);
}

function mostVoxels(): string {
  const counts = [...inputs.entries.keys()].flatMap((key) => (key.startsWith('voxels.') ? [Number(key.slice(7))] : []));
  return String(Math.max(...counts));
}

function openCase(): Promise<Subject> {
  const [role = '', count = mostVoxels()] = name.split('.');
  if (role === 'ss_flow') return structureFlow();
  if (role === 'slat_flow') return latentFlow(count);
  if (role === 'ss_dec') return structureDecoder();
  if (role === 'slat_dec_mesh' || role === 'slat_dec_gs') return latentDecoder(role, count);
  throw new Error(`no case is called '${name}'`);
}

async function timed(run: () => Promise<unknown>, times: number): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < times; i++) {
    const started = performance.now();
    await run();
    samples.push(performance.now() - started);
  }
  return samples.sort((a, b) => a - b);
}

const middle = (sorted: readonly number[]) => sorted[Math.floor(sorted.length / 2)] as number;

const before = memoryInUse();
const watch = new MemoryWatch();
const started = performance.now();
const subject = await openCase();
const openSeconds = (performance.now() - started) / 1000;
const once = async () => {
  const result = await subject.run();
  subject.giveBack?.(result);
};
const { guide } = subject;
if (process.env.GPU_RUNS !== undefined) {
  await timed(guide ?? once, Number(process.env.GPU_RUNS));
  await subject.release();
  process.exit();
}
const [first] = await timed(once, 1);
await timed(once, 2);
const samples = await timed(once, Number(repeats));
if (guide !== undefined) await timed(guide, 2);
const pairs = guide === undefined ? [] : await timed(guide, Math.ceil(Number(repeats) / 2));
const out = await subject.run();
// Behind a first one, that warms up.
const schedules = [0, 1, 2].map((shift) =>
  Array.from({ length: STEPS }, (_, step) => (1000 * (STEPS - step)) / STEPS - shift),
);
const prepared: number[] = [];
for (const times of subject.prepare === undefined ? [] : schedules) {
  prepared.push(...(await timed(async () => subject.prepare?.(times), 1)));
}
const after = memoryInUse();
const peak = await watch.stop();
mkdirSync(join(folder, 'ours'), { recursive: true });
const target = (label: string) => join(folder, 'ours', `${label}.safetensors`);
const label = [name, ...(computeType === 'float16' ? [] : [computeType])];
await writeSafetensors(target(label.join('.')), { out: float32([out.length], out) });
const figures = {
  case: name,
  device,
  computeType,
  openSeconds,
  firstMs: first,
  ms: middle(samples),
  least: samples[0],
  most: samples.at(-1),
  ...(pairs.length > 0 && { guidedMs: middle(pairs), prepareMs: prepared.at(-1) }),
  memoryBefore: before,
  memoryAfter: after,
  memoryPeak: peak,
  hostPeakMb: process.resourceUsage().maxRSS / 1024,
  finite: out.every(Number.isFinite),
};
process.stdout.write(`FIGURES ${JSON.stringify(figures)}\n`);
await subject.release();
await inputs.close();
