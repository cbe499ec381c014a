/** Normalisation of queries and keys. Source: TRELLIS `modules/attention/modules.py`, `MultiHeadRMSNorm`. */
import { type GraphBuilder, type LinearLayer, linearRms, type Value } from '@espalier/onnx';

/** What the root is kept from zero by, as the mean of squares. */
const LEAST = 1e-12 ** 2;

/**
 * `x / max(|x|, 1e-12) * gamma[head] * sqrt(D)` per token and head: the length in float32, the rest in the type of `x`.
 *
 * `x / |x| * sqrt(D)` is the RMS norm. Its epsilon stands inside the root, so that a vector shorter than 1e-11 is not
 * scaled as in the source; zero stays zero. The runtime's fused kernel takes one scale for all heads, hence gamma behind.
 * Of queries and keys only products are wanted, so that both gammas may stand at the queries: on CUDA they do, which
 * spares a pass over the keys.
 * @param projections What gives queries [N, heads * D] and keys.
 * @param key Prefix of `q_rms_norm.gamma` and `k_rms_norm.gamma` [heads, D].
 * @returns Each [N, heads, D]; on CUDA only their products are those of the source.
 */
export function qkRmsNorm(
  g: GraphBuilder,
  projections: { readonly query: LinearLayer; readonly key: LinearLayer },
  key: string,
  heads: number,
): readonly [query: Value, key: Value] {
  const [query, keys] = [projections.query, projections.key].map((projection) => {
    const { rows: [begin, end] = [0, projection.outputs] } = projection;
    return linearRms(g, projection, heads, (LEAST * heads) / (end - begin));
  }) as [Value, Value];
  const gamma = (of: 'q' | 'k') => {
    return g.weight(`${key}.${of}_rms_norm.gamma`, [heads, query.shape[2] as number], { type: 'float32' });
  };
  const scaled = (x: Value, by: Value) => g.mul(x, g.cast(by, x.type));
  return g.either({
    cpu: () => [scaled(query, gamma('q')), scaled(keys, gamma('k'))],
    cuda: () => [scaled(query, g.mul(gamma('q'), gamma('k'))), g.node('Identity', [keys], keys)],
  }) as [Value, Value];
}
