/** Normalisation of queries and keys. Source: TRELLIS `modules/attention/modules.py`, `MultiHeadRMSNorm`. */
import { type GraphBuilder, type LinearLayer, linearRms, type Value } from '@espalier/onnx';

/** What the root is kept from zero by, as the mean of squares. */
const LEAST = 1e-12 ** 2;

/**
 * `x / max(|x|, 1e-12) * gamma[head] * sqrt(D)` per token and head: the length in float32, the rest in the type of `x`.
 *
 * `x / |x| * sqrt(D)` is the RMS norm. Its epsilon stands inside the root, so that a vector shorter than 1e-11 is not
 * scaled as in the source; zero stays zero. The runtime's fused kernel takes one scale for all heads, hence gamma behind.
 * @param projection What gives x, [N, heads * D].
 * @param key Prefix of `gamma` [heads, D].
 * @returns [N, heads * D]
 */
export function qkRmsNorm(g: GraphBuilder, projection: LinearLayer, key: string, heads: number): Value {
  const { rows: [begin, end] = [0, projection.outputs] } = projection;
  const width = (end - begin) / heads;
  const normed = linearRms(g, projection, heads, LEAST / width);
  const gamma = g.weight(`${key}.gamma`, [heads, width], { type: normed.type });
  return g.reshape(g.mul(normed, gamma), [normed.shape[0] as number | string, heads * width]);
}
