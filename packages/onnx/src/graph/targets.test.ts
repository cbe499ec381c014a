import { fromBinary } from '@bufbuild/protobuf';
import { float32, TorchGenerator } from '@espalier/tensors';
import { ModelProtoSchema } from 'onnx-buf';
import { expect, it } from 'vitest';
import { openSession } from '../session/session.ts';
import type { Graph, GraphTarget } from './graph.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { Value } from './types.ts';

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

it('takes what is read on the target, and leaves the rest', async () => {
  const g = new GraphBuilder({ name: 'net' });
  const [x, a, b] = ['x', 'a', 'b'].map((name) => g.input(name, 'float32', ['N'])) as [Value, Value, Value];
  g.input('unread', 'float32', ['N']);
  g.output('y', g.either({ cpu: () => [g.add(x, a)], cuda: () => [g.sub(x, b)] })[0] as Value);
  const graph = g.build();
  const [one, two] = [float32([1], Float32Array.of(1)), float32([1], Float32Array.of(2))];
  const common = { x: one, unread: one };
  for (const [target, own, other, result] of [
    ['cpu', 'a', 'b', 3],
    ['cuda', 'b', 'a', -1],
  ] as const) {
    const { input } = fromBinary(ModelProtoSchema, graph.encode('constant', target)).graph ?? {};
    expect(input?.map(({ name }) => name)).toEqual(['x', own, 'unread']);
    const written = {
      ...graph,
      inputsFor: () => graph.inputsFor(target),
      encode: () => graph.encode('constant', target),
    };
    const session = await openSession(written, { device: 'cpu', threads: 1 });
    expect([...session.inputs.keys()]).toEqual(['x', own, 'unread']);
    expect((await session.run({ ...common, [own]: two })).y?.data[0]).toBe(result);
    expect((await session.run({ ...common, [own]: two, [other]: one })).y?.data[0]).toBe(result);
    const missing = expect.objectContaining({ code: 'FEED_INVALID', field: own });
    await expect(session.run({ ...common, [other]: two })).rejects.toEqual(missing);
    await session.release();
  }
});
