/**
 * The transformer block of both flow models. Source: TRELLIS `modules/transformer/modulated.py`,
 * `ModulatedTransformerCrossBlock`, and its sparse twin; adaptive layer norm: Peebles & Xie 2023, section 3.2.
 */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { crossAttention, selfAttention } from './attention.ts';
import { feedForward } from './feed-forward.ts';

export interface ModulatedCrossBlockOptions {
  readonly heads: number;
  readonly mlpRatio: number;
  readonly qkRmsNorm: boolean;
  readonly qkRmsNormCross: boolean;
  /** The modulation is one layer of the model, not one of each block. */
  readonly shareMod: boolean;
}

/** Norms inside blocks; the norm before the output layer has 1e-5. */
export const BLOCK_NORM_EPS = 1e-6;

/**
 * `SiLU`, then the linear layer `key.1`: shift, scale, gate of self attention, then of the MLP.
 * @param embedding [1, C]
 * @returns [1, 6 C]
 */
export function modulation(g: GraphBuilder, embedding: Value, key: string): Value {
  return g.linear(g.silu(embedding), `${key}.1`, 6 * (embedding.shape[1] as number));
}

/**
 * @param h [N, C] tokens
 * @param mod With `shareMod` the shared modulation [1, 6 C], else the time embedding [1, C].
 * @param cond [L, condition channels]
 * @param key Prefix, e.g. `blocks.0`.
 * @returns [N, C]
 */
export function modulatedCrossBlock(
  g: GraphBuilder,
  h: Value,
  mod: Value,
  cond: Value,
  key: string,
  options: ModulatedCrossBlockOptions,
): Value {
  const channels = h.shape[1] as number;
  const chunks = g.split(
    options.shareMod ? mod : modulation(g, mod, `${key}.adaLN_modulation`),
    new Array<number>(6).fill(channels),
    1,
  );
  const [shiftAttention, scaleAttention, gateAttention, shiftMlp, scaleMlp, gateMlp] = chunks as [
    Value,
    Value,
    Value,
    Value,
    Value,
    Value,
  ];
  const modulated = (x: Value, scale: Value, shift: Value) =>
    g.add(g.mul(g.layerNorm(x, { eps: BLOCK_NORM_EPS }), g.add(scale, 1)), shift);

  const attended = selfAttention(g, modulated(h, scaleAttention, shiftAttention), `${key}.self_attn`, {
    heads: options.heads,
    qkRmsNorm: options.qkRmsNorm,
  });
  let out = g.add(h, g.mul(attended, gateAttention));
  const crossed = g.layerNorm(out, { eps: BLOCK_NORM_EPS, key: `${key}.norm2` });
  out = g.add(
    out,
    crossAttention(g, crossed, cond, `${key}.cross_attn`, {
      heads: options.heads,
      qkRmsNorm: options.qkRmsNormCross,
    }),
  );
  const mlp = feedForward(g, modulated(out, scaleMlp, shiftMlp), `${key}.mlp`, options.mlpRatio);
  return g.add(out, g.mul(mlp, gateMlp));
}
