/** Normalisation of queries and keys. Source: TRELLIS `modules/attention/modules.py`, `MultiHeadRMSNorm`. */
import type { GraphBuilder, Value } from '@espalier/onnx';

/**
 * `x / max(|x|, 1e-12) * gamma[head] * sqrt(D)` per token and head, in float32, given back in the type of `x`.
 *
 * Written out instead of a fused norm: its epsilon is not inside the root, and a scale of rank 2 is beyond the
 * fused CUDA kernels.
 * @param x [N, heads * D]
 * @param key Prefix of `gamma` [heads, D].
 */
export function qkRmsNorm(g: GraphBuilder, x: Value, key: string, heads: number): Value {
  const [rows, channels] = x.shape as [number | string, number];
  const width = channels / heads;
  const perHead = g.reshape(g.cast(x, 'float32'), [rows, heads, width]);
  const gamma = g.mul(g.weight(`${key}.gamma`, [heads, width], { type: 'float32' }), Math.sqrt(width));
  const norm = g.max(g.reduce('L2', perHead, [-1]), 1e-12);
  const normed = g.mul(g.div(perHead, norm), gamma);
  return g.cast(g.reshape(normed, [rows, channels]), x.type);
}
