/**
 * What choices of the graphs rest on, measured on the CPU: layers as they are written for each target, and the ways of a
 * large output out of a session. `node --import tsx bench/networks/choices.ts [--save]`; figures in milliseconds of CPU time
 * on one thread, the least of several runs: what else the machine does counts little.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  Checkpoint,
  type Graph,
  GraphBuilder,
  type GraphTarget,
  linearGelu,
  openSession,
  residualNorm,
  type Value,
} from '@espalier/onnx';
import { float32, halfToFloat, type Tensor, TorchGenerator, writeSafetensors } from '@espalier/tensors';

const THREADS = 1;
const RUNS = 12;
const [TOKENS, CHANNELS, HIDDEN] = [4096, 512, 2048];
/** Cells and channels of a mesh of 20,000 voxels. */
const [CELLS, CELL_CHANNELS] = [1_280_000, 101];

const random = new TorchGenerator(1);
const randn = (...shape: number[]) => float32(shape, random.randn(shape.reduce((a, b) => a * b, 1)));

async function least(work: () => unknown, runs = RUNS): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const before = process.cpuUsage();
    await work();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1000);
  }
  return best;
}

async function asFor(target: GraphTarget, graph: Graph, feeds: Record<string, Tensor>): Promise<number> {
  const written = { ...graph, encode: (role: Parameters<Graph['encode']>[0]) => graph.encode(role, target) };
  const session = await openSession(written, { device: 'cpu', threads: THREADS });
  const ms = await least(() => session.run(feeds));
  await session.release();
  return ms;
}

/** A layer written for the CPU and for CUDA, both run on the CPU; only the largest value of each row is given out. */
async function layer(folder: string, build: (g: GraphBuilder, h: Value, x: Value) => Value) {
  const checkpoint = await Checkpoint.open(join(folder, 'w.safetensors'));
  const g = new GraphBuilder({ name: 'layer', checkpoint });
  const [h, x] = [g.input('h', 'float32', [TOKENS, CHANNELS]), g.input('x', 'float32', [TOKENS, CHANNELS])];
  g.output('y', g.reduce('Max', build(g, h, x), [1]));
  const graph = g.build();
  await checkpoint.close();
  const feeds = { h: randn(TOKENS, CHANNELS), x: randn(TOKENS, CHANNELS) };
  return { cpu: await asFor('cpu', graph, feeds), cuda: await asFor('cuda', graph, feeds) };
}

async function largeOutput() {
  const g = new GraphBuilder({ name: 'large output' });
  const ones = g.constant(new Float32Array(CELL_CHANNELS).fill(1), [1, CELL_CHANNELS]);
  g.output('y', g.mul(g.input('x', 'float32', ['N', 1]), ones));
  const session = await openSession(g.build(), { device: 'cpu', threads: THREADS });
  const x = float32([CELLS, 1], new Float32Array(CELLS).fill(1));
  const fresh = await least(() => session.run({ x }), 6);
  const y = float32([CELLS, CELL_CHANNELS], new Float32Array(CELLS * CELL_CHANNELS));
  const given = await least(() => session.run({ x }, { y }), 6);
  const copied = await least(async () => (await session.run({ x }, { y })).y?.data.slice(), 6);
  await session.release();
  const halves = new Uint16Array(CELLS * CELL_CHANNELS).fill(0x3c00);
  return { fresh, given, copied, widenFromHalf: await least(() => halfToFloat(halves), 3) };
}

/** The same in a process whose memory comes in pages of 2 MB, as that of the inference process. */
function inLargePages(): Awaited<ReturnType<typeof largeOutput>> {
  const env = { ...process.env, GLIBC_TUNABLES: 'glibc.malloc.hugetlb=1' };
  const args = [...process.execArgv, fileURLToPath(import.meta.url), LARGE_OUTPUT];
  return JSON.parse(execFileSync(process.execPath, args, { env, encoding: 'utf8' }));
}

const LARGE_OUTPUT = 'large-output';
if (process.argv.includes(LARGE_OUTPUT)) {
  process.stdout.write(JSON.stringify(await largeOutput()));
  process.exit();
}

const folder = mkdtempSync(join(tmpdir(), 'choices-'));
try {
  const path = join(folder, 'w.safetensors');
  await writeSafetensors(path, {
    'wide.weight': randn(HIDDEN, CHANNELS),
    'wide.bias': randn(HIDDEN),
    'square.weight': randn(CHANNELS, CHANNELS),
    'square.bias': randn(CHANNELS),
  });
  const square = (x: Value) => ({ layer: { x, key: 'square', outputs: CHANNELS } });
  const figures = {
    tokens: TOKENS,
    residualNorm: await layer(folder, (g, h, x) => residualNorm(g, { h, branch: square(x) }, { eps: 1e-6 }).normed),
    linearGelu: await layer(folder, (g, _, x) => linearGelu(g, { x, key: 'wide', outputs: HIDDEN })),
    largeOutput: { ...(await largeOutput()), inLargePages: inLargePages() },
  };
  const text = `${JSON.stringify(figures, null, 2)}\n`;
  process.stdout.write(text);
  if (process.argv.includes('--save')) {
    const results = new URL('results/', import.meta.url);
    mkdirSync(results, { recursive: true });
    writeFileSync(new URL('choices.json', results), text);
  }
} finally {
  rmSync(folder, { recursive: true });
}
