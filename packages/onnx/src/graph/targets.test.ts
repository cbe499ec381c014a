import { fromBinary } from '@bufbuild/protobuf';
import { float32, TorchGenerator } from '@espalier/tensors';
import { ModelProtoSchema } from 'onnx-buf';
import { expect, it } from 'vitest';
import { openSession } from '../session/session.ts';
import type { Graph, GraphTarget } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';

const random = new TorchGenerator(5);
const randn = (...shape: number[]) => float32(shape, random.randn(shape.reduce((a, b) => a * b, 1)));

function twoLayers(): Graph {
  const g = new GraphBuilder({ name: 'two layers' });
  const [x, w, bias] = [
    g.input('x', 'float32', ['N', 4]),
    g.input('w', 'float32', [4, 4]),
    g.input('b', 'float32', [4]),
  ];
  const plain = g.gemm(x, w);
  g.output('y', g.gemm(g.silu(g.gemm(plain, w, { bias })), w, { bias, transposed: true }));
  return g.build();
}

it('for CUDA biases are added behind the product, and the result is the same', async () => {
  const graph = twoLayers();
  const operators = (target: GraphTarget) =>
    (fromBinary(ModelProtoSchema, graph.encode('constant', target)).graph?.node ?? []).map(({ opType }) => opType);
  expect(operators('cpu')).toEqual(['Gemm', 'Gemm', 'QuickGelu', 'Gemm', 'Identity']);
  expect(operators('cuda')).toEqual(['Gemm', 'Gemm', 'Add', 'QuickGelu', 'Gemm', 'Add', 'Identity']);

  const feeds = { x: randn(3, 4), w: randn(4, 4), b: randn(4) };
  const results: Float32Array[] = [];
  for (const target of ['cpu', 'cuda'] as const) {
    // The runtime's CPU takes the form that is meant for CUDA, too.
    const session = await openSession({ ...graph, encode: (role) => graph.encode(role, target) }, { device: 'cpu' });
    results.push((await session.run(feeds)).y?.data as Float32Array);
    await session.release();
  }
  const [cpu = new Float32Array(), cuda = new Float32Array()] = results;
  expect(Math.max(...cpu.map(Math.abs))).toBeGreaterThan(0.1);
  for (const [i, value] of cpu.entries()) expect(cuda[i]).toBeCloseTo(value, 5);
});

it('refuses two ways that give different things', () => {
  const build = (cuda: (g: GraphBuilder) => ReturnType<GraphBuilder['add']>) => {
    const g = new GraphBuilder({ name: 'net' });
    const x = g.input('x', 'float32', ['N', 4]);
    return () => g.either({ cpu: () => [g.add(x, 1)], cuda: () => [cuda(g)] });
  };
  expect(build((g) => g.cast(g.input('z', 'float32', ['N', 4]), 'float16'))).toThrow(/other values/);
  expect(build((g) => g.constant([1], [1]))).toThrow(/other values/);
  const g = new GraphBuilder({ name: 'net' });
  const nested = () => g.either({ cpu: () => [], cuda: () => [] });
  expect(() => g.either({ cpu: nested, cuda: nested })).toThrow(/cannot hold ways/);
});

it('leaves out what the other way needs alone', () => {
  const g = new GraphBuilder({ name: 'net' });
  const x = g.input('x', 'float32', [64]);
  const large = (value: number) => g.constant(new Float32Array(64).fill(value), [64]);
  g.output('y', g.either({ cpu: () => [g.add(x, large(2))], cuda: () => [g.sub(x, large(-2))] })[0] as typeof x);
  const graph = g.build();
  for (const target of ['cpu', 'cuda'] as const) {
    const { node, initializer } = fromBinary(ModelProtoSchema, graph.encode('constant', target)).graph ?? {};
    expect(node?.map(({ opType }) => opType)).toEqual([target === 'cpu' ? 'Add' : 'Sub', 'Identity']);
    expect(initializer).toHaveLength(1);
  }
});
