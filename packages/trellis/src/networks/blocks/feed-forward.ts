import { type GraphBuilder, type LinearLayer, linearGelu, type Value } from '@espalier/onnx';

/**
 * The MLP of a transformer block: linear, GELU (tanh), linear; the last is left to whoever adds it to something.
 * @param x [N, C]
 * @param key Prefix; the layers are `mlp.0` and `mlp.2` under it.
 * @param ratio Hidden channels = floor(C * ratio).
 */
export function feedForward(g: GraphBuilder, x: Value, key: string, ratio: number): LinearLayer {
  const channels = x.shape[1] as number;
  const hidden = linearGelu(g, { x, key: `${key}.mlp.0`, outputs: Math.trunc(channels * ratio) });
  return { x: hidden, key: `${key}.mlp.2`, outputs: channels };
}
