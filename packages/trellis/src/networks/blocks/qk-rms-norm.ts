/** Normalisation of queries and keys. Source: TRELLIS `modules/attention/modules.py`, `MultiHeadRMSNorm`. */
import type { GraphBuilder, Value } from '@espalier/onnx';

/** What the root is kept from zero by, as the mean of squares. */
const LEAST = 1e-12 ** 2;

/**
 * `x / max(|x|, 1e-12) * gamma[head] * sqrt(D)` per token and head: the length in float32, the rest in the type of `x`.
 *
 * `x / |x| * sqrt(D)` is the RMS norm. Its epsilon stands inside the root, so that a vector shorter than 1e-11 is not
 * scaled as in the source; zero stays zero. The runtime's fused kernel takes one scale for all heads, hence gamma behind.
 * @param x [N, heads * D]
 * @param key Prefix of `gamma` [heads, D].
 */
export function qkRmsNorm(g: GraphBuilder, x: Value, key: string, heads: number): Value {
  const [rows, channels] = x.shape as [number | string, number];
  const width = channels / heads;
  const normed = g.rmsNorm(g.reshape(x, [rows, heads, width]), LEAST / width);
  const gamma = g.weight(`${key}.gamma`, [heads, width], { type: x.type });
  return g.reshape(g.mul(normed, gamma), [rows, channels]);
}
