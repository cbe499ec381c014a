/** What the starter's flow models have to compute, and how fast this machine multiplies matrices. */
import { GraphBuilder, openSession } from '@espalier/onnx';
import { float32 } from '@espalier/tensors';
import type { ModelRepository } from '@espalier/trellis';

type Networks = ModelRepository['networks'];

const TEXT_TOKENS = 77;

/**
 * Floating-point operations of one pass of a modulated transformer, a multiplication and an addition counted apart.
 * Per token: query, key, value and output of the self-attention, query and output of the cross-attention, both layers
 * of the feed-forward part; attention over all tokens and over the text; keys and values of the text.
 */
function transformer(tokens: number, channels: number, text: number, blocks: number, mlpRatio: number): number {
  const perToken = (6 + 2 * mlpRatio) * channels ** 2 + 2 * channels * (tokens + TEXT_TOKENS);
  return 2 * blocks * (tokens * perToken + TEXT_TOKENS * 2 * channels * text);
}

export function structurePass({ structureFlow: { config } }: Networks): number {
  const tokens = (config.resolution / config.patch_size) ** 3;
  return transformer(tokens, config.model_channels, config.cond_channels, config.num_blocks, config.mlp_ratio);
}

/** Best of some runs, in operations a second: a product of the structure flow's own shape. */
export async function matmulRate(rows: number, channels: number, threads: number): Promise<number> {
  const g = new GraphBuilder({ name: 'product' });
  const x = g.input('x', 'float32', [rows, channels]);
  const weight = g.constant(new Float32Array(channels * 4 * channels).fill(0.01), [channels, 4 * channels]);
  g.output('y', g.matmul(x, weight));
  const session = await openSession(g.build(), { device: 'cpu', threads });
  const feeds = { x: float32([rows, channels], new Float32Array(rows * channels).fill(0.5)) };
  let best = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 40; run++) {
    const started = performance.now();
    await session.run(feeds);
    best = Math.min(best, (performance.now() - started) / 1000);
  }
  await session.release();
  return (2 * rows * channels * 4 * channels) / best;
}
