/** Does CUDA work at all, and do its options arrive: products of matrices and attention against this process's own sums. */
import './sessions.ts';
import { type ComputeType, GraphBuilder, openSession } from '@espalier/onnx';
import { float32, TorchGenerator } from '@espalier/tensors';

const device = (process.env.ESPALIER_DEVICE ?? 'cuda') as 'cuda' | 'cpu';
const [ROWS, INNER, COLUMNS] = [256, 1024, 192];

async function product(computeType: ComputeType): Promise<number> {
  const g = new GraphBuilder({ name: `probe ${computeType}`, computeType });
  const a = g.cast(g.input('a', 'float32', [ROWS, INNER]), computeType);
  const b = g.cast(g.input('b', 'float32', [COLUMNS, INNER]), computeType);
  g.output('y', g.cast(g.gemm(a, b, { transposed: true }), 'float32'));
  const session = await openSession(g.build(), { device });
  const random = new TorchGenerator(1);
  const [x, w] = [random.randn(ROWS * INNER), random.randn(COLUMNS * INNER)];
  const y = (await session.run({ a: float32([ROWS, INNER], x), b: float32([COLUMNS, INNER], w) })).y
    ?.data as Float32Array;
  await session.release();
  let worst = 0;
  for (let row = 0; row < ROWS; row++) {
    for (let column = 0; column < COLUMNS; column++) {
      let sum = 0;
      for (let k = 0; k < INNER; k++) sum += (x[row * INNER + k] as number) * (w[column * INNER + k] as number);
      worst = Math.max(worst, Math.abs(sum - (y[row * COLUMNS + column] as number)));
    }
  }
  // The products' own size is the root of their number of terms.
  return worst / Math.sqrt(INNER);
}

async function attends(tokens: number): Promise<boolean> {
  const g = new GraphBuilder({ name: 'probe attention', computeType: 'float16' });
  const q = g.cast(g.input('q', 'float32', [1, tokens, 1280]), 'float16');
  g.output('y', g.cast(g.attention(q, q, q, { heads: 16 }), 'float32'));
  const session = await openSession(g.build(), { device });
  const { y } = await session.run({ q: float32([1, tokens, 1280], new TorchGenerator(2).randn(tokens * 1280)) });
  await session.release();
  const values = y?.data as Float32Array;
  return values.every(Number.isFinite);
}

const figures = {
  options: process.env.GPU_OPTIONS ?? '',
  float32Error: await product('float32'),
  float16Error: await product('float16'),
  attention: await attends(600),
};
process.stdout.write(`FIGURES ${JSON.stringify(figures)}\n`);
