/** The transformer block of the latent decoders. Source: TRELLIS `modules/sparse/transformer/blocks.py`. */
import { type GraphBuilder, type Residual, residualNorm } from '@espalier/onnx';
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
 * @param residual Of [N, C].
 * @returns Of the same shape.
 */
export function sparseBlock(g: GraphBuilder, residual: Residual, key: string, options: SparseBlockOptions): Residual {
  const norm = { eps: BLOCK_NORM_EPS };
  const first = residualNorm(g, residual, norm);
  const attended = selfAttention(g, first.normed, `${key}.attn`, options, options.attend);
  const second = residualNorm(g, { h: first.sum, branch: { layer: attended } }, norm);
  return { h: second.sum, branch: { layer: feedForward(g, second.normed, `${key}.mlp`, options.mlpRatio) } };
}
