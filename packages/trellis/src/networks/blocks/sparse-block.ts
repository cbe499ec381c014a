/** The transformer block of the latent decoders. Source: TRELLIS `modules/sparse/transformer/blocks.py`. */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { type Attend, type HeadOptions, selfAttention } from './attention.ts';
import { feedForward } from './feed-forward.ts';
import { BLOCK_NORM_EPS } from './modulated-cross-block.ts';

export interface SparseBlockOptions extends HeadOptions {
  readonly mlpRatio: number;
  /** What attends; full attention when left out. */
  readonly attend?: Attend | undefined;
}

/**
 * Norm, self attention, norm, MLP, each around a skip; the norms have no affine part.
 * @param h [N, C]
 */
export function sparseBlock(g: GraphBuilder, h: Value, key: string, options: SparseBlockOptions): Value {
  const x = g.layerNorm(h, { eps: BLOCK_NORM_EPS });
  const out = g.add(h, selfAttention(g, x, `${key}.attn`, options, options.attend));
  const y = g.layerNorm(out, { eps: BLOCK_NORM_EPS });
  return g.add(out, feedForward(g, y, `${key}.mlp`, options.mlpRatio));
}
