/**
 * Does CUDA keep float32 where it is told to: products of several inner extents, each the first, second and third of its
 * session, in many sessions. `tf32.ts [SESSIONS]` prints how many of each came out as TF32 would have them.
 */
import { GraphBuilder, openSession } from '@espalier/onnx';
import { float32, TorchGenerator } from '@espalier/tensors';

const device = (process.env.ESPALIER_DEVICE ?? 'cuda') as 'cuda' | 'cpu';
const sessions = Number(process.argv[2] ?? 100);
const [ROWS, COLUMNS] = [912, 32];
/** As a share of the values' size: float32 stays below 1e-6, TF32 above 1e-4. */
const LIMIT = 1e-5;
const random = new TorchGenerator(1);

async function count(inner: readonly number[], runs: number): Promise<number[]> {
  const g = new GraphBuilder({ name: `products ${inner}` });
  const weights = inner.map((k) => random.randn(COLUMNS * k));
  const inputs = inner.map((k) => random.randn(ROWS * k));
  for (const [i, k] of inner.entries()) {
    const b = g.constant(weights[i] as Float32Array, [COLUMNS, k]);
    g.output(`y${i}`, g.gemm(g.input(`x${i}`, 'float32', [ROWS, k]), b, { transposed: true }));
  }
  const session = await openSession(g.build(), { device });
  const feeds = Object.fromEntries(inner.map((k, i) => [`x${i}`, float32([ROWS, k], inputs[i] as Float32Array)]));
  const rounded = new Array<number>(inner.length * runs).fill(0);
  for (let run = 0; run < runs; run++) {
    const results = await session.run(feeds);
    for (const [i, k] of inner.entries()) {
      const y = results[`y${i}`]?.data as Float32Array;
      const worst = y.reduce((most, value, at) => Math.max(most, Math.abs(value - product(i, k, at))), 0);
      if (worst > LIMIT * Math.sqrt(k)) rounded[run * inner.length + i] = 1;
    }
  }
  await session.release();
  return rounded;

  function product(i: number, k: number, at: number): number {
    const [row, column] = [Math.floor(at / COLUMNS), at % COLUMNS];
    let sum = 0;
    for (let c = 0; c < k; c++) {
      sum +=
        ((inputs[i] as Float32Array)[row * k + c] as number) * ((weights[i] as Float32Array)[column * k + c] as number);
    }
    return sum;
  }
}

for (const inner of [
  [8, 64, 8],
  [64, 8, 64],
  [16, 8, 16],
]) {
  const totals = new Array<number>(inner.length * 2).fill(0);
  for (let i = 0; i < sessions; i++)
    for (const [at, n] of (await count(inner, 2)).entries()) totals[at] = (totals[at] ?? 0) + n;
  process.stdout.write(`FIGURES ${JSON.stringify({ inner, sessions, rounded: totals })}\n`);
}
