import { float32, int32, type Tensor, TorchGenerator } from '@espalier/tensors';
import { describe, expect, it } from 'vitest';
import { openSession } from '../session/session.ts';
import { GraphBuilder } from './graph-builder.ts';
import type { Value } from './types.ts';

const random = new TorchGenerator(3);
const randn = (...shape: number[]) => float32(shape, random.randn(shape.reduce((a, b) => a * b, 1)));

/** Runs what `build` makes of inputs x0, x1, ... and gives the values and the shape of the result. */
async function run(inputs: Tensor[], build: (g: GraphBuilder, ...values: Value[]) => Value) {
  const g = new GraphBuilder({ name: 'test' });
  const types = { F32: 'float32', I32: 'int32', BOOL: 'bool' } as const;
  const values = inputs.map(({ dtype, shape }, i) => g.input(`x${i}`, types[dtype as 'F32'], shape));
  const result = build(g, ...values);
  g.output('y', result);
  const session = await openSession(g.build(), { device: 'cpu', threads: 1 });
  const { y } = await session.run(Object.fromEntries(inputs.map((tensor, i) => [`x${i}`, tensor])));
  await session.release();
  if (y === undefined) throw new Error('no output');
  // The shape that the builder declared is the shape that the runtime gave.
  expect(y.shape).toEqual(result.shape);
  return { shape: y.shape, data: Array.from(y.data, Number) };
}

const a = float32([2, 3], Float32Array.of(1, -2, 3, 4, 5, -6));
const b = float32([3], Float32Array.of(10, 20, 30));

describe('elementwise operations', () => {
  const list: [string, (g: GraphBuilder, x: Value, y: Value) => Value, number[]][] = [
    ['add', (g, x, y) => g.add(x, y), [11, 18, 33, 14, 25, 24]],
    ['sub a number', (g, x) => g.sub(x, 1), [0, -3, 2, 3, 4, -7]],
    ['sub from a number', (g, x) => g.sub(1, x), [0, 3, -2, -3, -4, 7]],
    ['mul', (g, x, y) => g.mul(x, y), [10, -40, 90, 40, 100, -180]],
    ['div', (g, x) => g.div(x, 2), [0.5, -1, 1.5, 2, 2.5, -3]],
    ['max', (g, x) => g.max(x, 0), [1, 0, 3, 4, 5, 0]],
    ['min', (g, x) => g.min(x, 0), [0, -2, 0, 0, 0, -6]],
    ['pow', (g, x) => g.pow(x, 2), [1, 4, 9, 16, 25, 36]],
    ['compare', (g, x) => g.compare('Less', x, 2), [1, 1, 0, 0, 0, 1]],
    ['where', (g, x) => g.where(g.compare('Greater', x, 0), x, 0), [1, 0, 3, 4, 5, 0]],
    ['unary', (g, x) => g.unary('Neg', x), [-1, 2, -3, -4, -5, 6]],
    ['cast to integers and back', (g, x) => g.cast(g.cast(g.div(x, 2), 'int32'), 'float32'), [0, -1, 1, 2, 2, -3]],
  ];
  it.each(list)('%s', async (_, build, expected) => {
    expect((await run([a, b], build)).data).toEqual(expected);
  });

  const curves: [string, (g: GraphBuilder, x: Value) => Value, (x: number) => number][] = [
    ['silu', (g, x) => g.silu(x), (x) => x / (1 + Math.exp(-x))],
    ['quickGelu', (g, x) => g.quickGelu(x), (x) => x / (1 + Math.exp(-1.702 * x))],
    [
      'gelu tanh',
      (g, x) => g.gelu(x, 'tanh'),
      (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
    ],
    ['tanh', (g, x) => g.tanh(x), Math.tanh],
    ['sigmoid', (g, x) => g.sigmoid(x), (x) => 1 / (1 + Math.exp(-x))],
    ['softplus', (g, x) => g.unary('Softplus', x), (x) => Math.log1p(Math.exp(x))],
  ];
  it.each(curves)('%s follows its formula', async (_, build, formula) => {
    const x = randn(64);
    const { data } = await run([x], build);
    data.forEach((value, i) => {
      expect(value).toBeCloseTo(formula(x.data[i] as number), 5);
    });
  });

  it('tells exact from approximate GELU', async () => {
    const { data } = await run([float32([1], Float32Array.of(2))], (g, x) => g.gelu(x, 'none'));
    expect(data[0]).toBeCloseTo(1.9544997, 6);
  });
});

describe('operations on shapes', () => {
  const list: [string, (g: GraphBuilder, x: Value) => Value, number[], number[]][] = [
    ['reshape', (g, x) => g.reshape(x, [3, 2]), [3, 2], [1, -2, 3, 4, 5, -6]],
    ['transpose', (g, x) => g.transpose(x, [1, 0]), [3, 2], [1, 4, -2, 5, 3, -6]],
    ['slice', (g, x) => g.slice(x, 1, 3, 1), [2, 2], [-2, 3, 5, -6]],
    ['concat', (g, x) => g.concat([x, x], 0), [4, 3], [1, -2, 3, 4, 5, -6, 1, -2, 3, 4, 5, -6]],
    ['split', (g, x) => g.concat(g.split(x, [1, 2], -1).reverse(), 1), [2, 3], [-2, 3, 1, 5, -6, 4]],
    ['gather', (g, x) => g.gather(x, g.constant([1, 1, 0], [3], 'int32')), [3, 3], [4, 5, -6, 4, 5, -6, 1, -2, 3]],
    ['gather columns', (g, x) => g.gather(x, g.constant([2], [1], 'int64'), 1), [2, 1], [3, -6]],
    [
      'expand',
      (g, x) => g.expand(g.reshape(x, [2, 1, 3]), [2, 2, 3]),
      [2, 2, 3],
      [1, -2, 3, 1, -2, 3, 4, 5, -6, 4, 5, -6],
    ],
    ['padChannels', (g, x) => g.padChannels(x, 1), [2, 4], [1, -2, 3, 0, 4, 5, -6, 0]],
    ['sum', (g, x) => g.reduce('Sum', x, [0]), [1, 3], [5, 3, -3]],
    ['mean', (g, x) => g.reduce('Mean', x, [-1]), [2, 1], [Math.fround(2 / 3), 1]],
    ['L2', (g, x) => g.reduce('L2', g.slice(x, 1, 3, 1), [0, 1]), [1, 1], [Math.fround(Math.sqrt(74))]],
    ['softmax', (g, x) => g.softmax(g.mul(x, 0)), [2, 3], new Array<number>(6).fill(Math.fround(1 / 3))],
  ];
  it.each(list)('%s', async (_, build, shape, data) => {
    expect(await run([a], build)).toEqual({ shape, data });
  });

  it('carries named extents through reshapes', async () => {
    const g = new GraphBuilder({ name: 'named' });
    const x = g.input('x', 'float32', ['W', 'L', 6]);
    const flat = g.reshape(x, ['W*L', 6]);
    const heads = g.reshape(x, ['W', 'L', 2, 3]);
    g.output('flat', flat);
    g.output('heads', heads);
    g.output('batched', g.reshape(flat, [1, 'W*L', 6]));
    const session = await openSession(g.build(), { device: 'cpu', threads: 1 });
    for (const [w, l] of [
      [2, 5],
      [7, 1],
    ] as const) {
      const out = await session.run({ x: randn(w, l, 6) });
      expect(Object.values(out).map(({ shape }) => shape)).toEqual([
        [w * l, 6],
        [w, l, 2, 3],
        [1, w * l, 6],
      ]);
    }
    await session.release();
  });
});

describe('layers', () => {
  it('gemm multiplies with stored and transposed matrices, on any rank', async () => {
    const x = randn(2, 3, 4);
    const w = randn(5, 4);
    const bias = randn(5);
    const { data, shape } = await run([x, w, bias], (g, v, m, c) => g.gemm(v, m, { bias: c, transposed: true }));
    expect(shape).toEqual([2, 3, 5]);
    data.forEach((value, i) => {
      const [row, column] = [Math.floor(i / 5), i % 5];
      let sum = bias.data[column] as number;
      for (let k = 0; k < 4; k++) sum += (x.data[row * 4 + k] as number) * (w.data[column * 4 + k] as number);
      expect(value).toBeCloseTo(sum, 5);
    });
    const plain = await run([x, w, bias], (g, v, m, c) => g.gemm(v, g.transpose(m, [1, 0]), { bias: c }));
    plain.data.forEach((value, i) => {
      expect(value).toBeCloseTo(data[i] as number, 5);
    });
    const product = await run([x, w], (g, v, m) => g.matmul(v, g.transpose(m, [1, 0])));
    product.data.forEach((value, i) => {
      expect(value + (bias.data[i % 5] as number)).toBeCloseTo(data[i] as number, 5);
    });
  });

  it('layerNorm without affine part gives mean 0 and variance 1', async () => {
    const { data } = await run([randn(3, 64)], (g, x) => g.layerNorm(x, { eps: 0 }));
    for (const row of [0, 1, 2].map((i) => data.slice(64 * i, 64 * (i + 1)))) {
      expect(row.reduce((sum, v) => sum + v, 0) / 64).toBeCloseTo(0, 5);
      expect(row.reduce((sum, v) => sum + v * v, 0) / 64).toBeCloseTo(1, 4);
    }
  });

  it.each([false, true])('attention follows softmax(q k / sqrt(d)) v; last key is padding: %s', async (padded) => {
    const [q, k, v] = [randn(1, 5, 8), randn(1, 7, 8), randn(1, 7, 8)];
    const keys = padded ? 6 : 7;
    const { data } = await run([q, k, v, int32([1], Int32Array.of(keys))], (g, x, y, z, lengths) =>
      // The lengths are an input in both cases; attention to all keys leaves them out, which is another kernel.
      padded
        ? g.attention(x, y, z, { heads: 2, keyLengths: lengths })
        : g.add(g.attention(x, y, z, { heads: 2 }), g.mul(g.cast(lengths, 'float32'), 0)),
    );
    const at = (t: Tensor, row: number, c: number) => t.data[row * 8 + c] as number;
    for (let i = 0; i < 5; i++) {
      for (let c = 0; c < 8; c++) {
        const head = Math.floor(c / 4) * 4;
        const scores = Array.from({ length: keys }, (_, j) =>
          Math.exp([0, 1, 2, 3].reduce((sum, d) => sum + at(q, i, head + d) * at(k, j, head + d), 0) / 2),
        );
        const total = scores.reduce((sum, s) => sum + s, 0);
        const expected = scores.reduce((sum, s, j) => sum + (s / total) * at(v, j, c), 0);
        expect(data[i * 8 + c]).toBeCloseTo(expected, 5);
      }
    }
  });

  it('conv correlates in three dimensions with zero padding', async () => {
    const [x, w, bias] = [randn(1, 2, 3, 3, 3), randn(4, 2, 3, 3, 3), randn(4)];
    const { data, shape } = await run([x, w, bias], (g, v, m, c) => g.conv(v, m, { bias: c, padding: 1 }));
    expect(shape).toEqual([1, 4, 3, 3, 3]);
    const pixel = (c: number, p: number[]) =>
      p.every((i) => i >= 0 && i < 3) ? (x.data[p.reduce((n, i) => n * 3 + i, c)] as number) : 0;
    for (const o of [0, 3]) {
      for (const p of [
        [0, 0, 0],
        [1, 1, 1],
        [2, 0, 1],
      ]) {
        let sum = bias.data[o] as number;
        for (let c = 0; c < 2; c++) {
          for (let k = 0; k < 27; k++) {
            const tap = [Math.floor(k / 9), Math.floor(k / 3) % 3, k % 3];
            const weight = w.data[(o * 2 + c) * 27 + k] as number;
            sum +=
              weight *
              pixel(
                c,
                p.map((i, axis) => i + (tap[axis] as number) - 1),
              );
          }
        }
        expect(data[p.reduce((n, i) => n * 3 + i, o)]).toBeCloseTo(sum, 4);
      }
    }
  });
});

describe('mistakes are told where they are made', () => {
  const g = new GraphBuilder({ name: 'net' });
  const x = g.input('x', 'float32', ['N', 6]);
  const half = g.cast(x, 'float16');
  const mistakes: [string, () => unknown, RegExp][] = [
    ['shapes that do not broadcast', () => g.add(x, g.constant([1, 2], [2])), /net: Add.*\[N, 6\] and \[2\]/],
    ['types that differ', () => g.add(x, half), /float32 \[N, 6\] and float16/],
    ['two numbers', () => g.add(1, 2), /two numbers/],
    ['a reshape of another size', () => g.reshape(g.constant([1, 2], [2]), [3]), /\[2\] to \[3\]/],
    ['a reshape that cannot be told', () => g.reshape(x, ['A', 'B', 2]), /\[N, 6\] to \[A, B, 2\]/],
    ['no order of axes', () => g.transpose(x, [0, 0]), /Transpose/],
    ['a split of another extent', () => g.split(x, [2, 3], 1), /Split/],
    ['a slice outside', () => g.slice(x, 4, 7, 1), /Slice/],
    ['a slice of a named extent', () => g.slice(x, 0, 1, 0), /'N'/],
    ['parts that do not fit', () => g.concat([x, half], 0, '2N'), /Concat/],
    ['matrices that do not fit', () => g.gemm(x, g.constant([1, 2], [1, 2])), /Gemm/],
    [
      'heads that do not divide',
      () => g.attention(g.reshape(x, [1, 'N', 6]), g.reshape(x, [1, 'N', 6]), g.reshape(x, [1, 'N', 6]), { heads: 4 }),
      /4 heads/,
    ],
    ['an axis outside', () => g.reduce('Sum', x, [2]), /axis 2/],
    ['an input twice', () => g.input('x', 'float32', []), /'x' is declared twice/],
    ['a weight without a checkpoint', () => g.weight('w', [1]), /'w'.*no checkpoint/],
    ['no output', () => g.build(), /no output/],
  ];
  it.each(mistakes)('%s', (_, make, message) => {
    expect(make).toThrow(message);
  });

  it('gives intermediate values on request, and refuses unknown ones', async () => {
    const build = (taps: string[]) => {
      const graph = new GraphBuilder({ name: 'net', taps });
      const h = graph.tap('hidden', graph.mul(graph.input('x', 'float32', [1]), 2));
      graph.output('y', graph.add(h, 1));
      return graph.build();
    };
    const session = await openSession(build(['hidden']), { device: 'cpu', threads: 1 });
    const out = await session.run({ x: float32([1], Float32Array.of(3)) });
    expect([out.hidden?.data[0], out.y?.data[0]]).toEqual([6, 7]);
    await session.release();
    expect([...build([]).outputs.keys()]).toEqual(['y']);
    expect(() => build(['hiden'])).toThrow(/'hiden'/);
  });

  it('adds nothing for an intermediate value that nobody asked for, and gives float32 where one did', async () => {
    const build = (tapped: boolean, taps: string[] = []) => {
      const graph = new GraphBuilder({ name: 'net', computeType: 'float16', taps });
      const h = graph.mul(graph.cast(graph.input('x', 'float32', [1]), 'float16'), 2);
      graph.output('y', graph.add(tapped ? graph.tap('hidden', h) : h, 1));
      return graph.build();
    };
    expect(build(true).encode('constant', 'cuda')).toEqual(build(false).encode('constant', 'cuda'));
    expect(build(true, ['hidden']).outputs.get('hidden')?.type).toBe('float32');
  });
});
