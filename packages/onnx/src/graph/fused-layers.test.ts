import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromBinary } from '@bufbuild/protobuf';
import { float32, type Tensor, TorchGenerator, writeSafetensors } from '@espalier/tensors';
import { ModelProtoSchema } from 'onnx-buf';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Checkpoint } from '../checkpoint.ts';
import { openSession } from '../session/session.ts';
import { linearGelu, linearOwing, linearRms, residualNorm, residualSum, tapResidual } from './fused-layers.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { Value } from './types.ts';

const random = new TorchGenerator(7);
const randn = (...shape: number[]) => float32(shape, random.randn(shape.reduce((a, b) => a * b, 1)));
const CHANNELS = 12;
/** Stored as queries, keys and values are: three layers in one. */
const weights = { 'l.weight': randn(3 * CHANNELS, CHANNELS), 'l.bias': randn(3 * CHANNELS) };
const feeds = { h: randn(5, CHANNELS), x: randn(5, CHANNELS), gate: randn(CHANNELS), shift: randn(CHANNELS) };

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fused-layers-'));
  await writeSafetensors(join(folder, 'w.safetensors'), weights);
});
afterAll(() => rm(folder, { recursive: true }));

const rows = [CHANNELS, 2 * CHANNELS] as const;
const layer = (x: Value) => ({ x, key: 'l', outputs: 3 * CHANNELS, rows });
type Inputs = Readonly<Record<keyof typeof feeds, Value>>;

const cases: [string, string, (g: GraphBuilder, inputs: Inputs) => Value[]][] = [
  ['linearGelu', 'FastGelu', (g, { x }) => [linearGelu(g, layer(x))]],
  ['linearRms', 'SkipSimplifiedLayerNormalization', (g, { x }) => [linearRms(g, layer(x), 3, 1e-12)]],
  [
    'residualNorm, gated, with affine part',
    'SkipLayerNormalization',
    (g, { h, x, gate, shift }) => {
      const residual = { h, branch: { layer: layer(x), gate } };
      return Object.values(residualNorm(g, residual, { eps: 1e-6, affine: [gate, shift] }));
    },
  ],
  [
    'residualNorm, plain',
    'SkipLayerNormalization',
    (g, { h, x }) => Object.values(residualNorm(g, { h, branch: { layer: layer(x) } }, { eps: 1e-6 })),
  ],
  [
    'a bias that was owed, with a norm and without',
    'SkipLayerNormalization',
    (g, { h, x, gate }) => {
      const owes = layer(x);
      const branch = { layer: { ...layer(linearOwing(g, owes)), owes }, gate };
      return [residualNorm(g, { h, branch }, { eps: 1e-6 }).sum, residualSum(g, { h, branch })];
    },
  ],
  [
    'what is summed without a norm',
    'Add',
    (g, { h, x, gate }) => [residualSum(g, { h, branch: { layer: layer(x), gate } }), residualSum(g, { h })],
  ],
];

it.each(cases)('%s gives the same in both ways, by %s on CUDA', async (_, operator, build) => {
  const checkpoint = await Checkpoint.open(join(folder, 'w.safetensors'));
  const g = new GraphBuilder({ name: 'fused', checkpoint });
  const inputs = Object.fromEntries(
    Object.entries(feeds).map(([name, { shape }]) => [name, g.input(name, 'float32', shape)]),
  ) as unknown as Inputs;
  for (const [i, value] of build(g, inputs).entries()) g.output(`y${i}`, value);
  const graph = g.build();
  await checkpoint.close();
  const nodes = fromBinary(ModelProtoSchema, graph.encode('constant', 'cuda')).graph?.node ?? [];
  expect(nodes.map(({ opType }) => opType)).toContain(operator);
  expect(nodes.filter(({ opType, input }) => opType === 'Gemm' && input.length > 2)).toEqual([]);

  const run = async (target: 'cpu' | 'cuda'): Promise<Record<string, Tensor>> => {
    const session = await openSession({ ...graph, encode: (role) => graph.encode(role, target) }, { device: 'cpu' });
    const outputs = await session.run(feeds);
    await session.release();
    return outputs;
  };
  const [cpu, cuda] = [await run('cpu'), await run('cuda')];
  for (const [name, { data, shape }] of Object.entries(cpu)) {
    expect(cuda[name]?.shape).toEqual(shape);
    const values = data as Float32Array;
    expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0.1);
    for (const [i, value] of values.entries()) expect(cuda[name]?.data[i]).toBeCloseTo(value, 5);
  }
});

it('a tap forms the sum where it was asked for, and nowhere else', async () => {
  const checkpoint = await Checkpoint.open(join(folder, 'w.safetensors'));
  const sums = (taps: string[]) => {
    const g = new GraphBuilder({ name: 'tapped', checkpoint, taps });
    const [h, x] = [g.input('h', 'float32', [5, CHANNELS]), g.input('x', 'float32', [5, CHANNELS])];
    const residual = tapResidual(g, 'sum', { h, branch: { layer: layer(x) } });
    g.output('y', residualNorm(g, residual, { eps: 1e-6 }).normed);
    const nodes = fromBinary(ModelProtoSchema, g.build().encode('constant', 'cuda')).graph?.node ?? [];
    return nodes.filter(({ opType }) => opType === 'Add').length;
  };
  // With it: the layer's bias, and the sum.
  expect(sums(['sum'])).toBe(2);
  expect(sums([])).toBe(0);
  await checkpoint.close();
});
