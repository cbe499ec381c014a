import type { GraphBuilder, Value } from '@espalier/onnx';

/**
 * The MLP of a transformer block: linear, GELU (tanh), linear.
 * @param x [N, C]
 * @param key Prefix; the layers are `mlp.0` and `mlp.2` under it.
 * @param ratio Hidden channels = floor(C * ratio).
 */
export function feedForward(g: GraphBuilder, x: Value, key: string, ratio: number): Value {
  const channels = x.shape[1] as number;
  const hidden = g.linear(x, `${key}.mlp.0`, Math.trunc(channels * ratio));
  return g.linear(g.gelu(hidden, 'tanh'), `${key}.mlp.2`, channels);
}
