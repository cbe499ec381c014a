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
