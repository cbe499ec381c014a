/**
 * The transformer block of both flow models. Source: TRELLIS `modules/transformer/modulated.py`,
 * `ModulatedTransformerCrossBlock`, and its sparse twin; adaptive layer norm: Peebles & Xie 2023, section 3.2.
 */
import type { ElementType, GraphBuilder, Value } from '@espalier/onnx';
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
 * The linear layer `key.1` behind the SiLU: shift, scale, gate of self attention, then of the MLP.
 * @param activated SiLU of the embedding, [1, C].
 * @returns [1, 6 C]
 */
export function modulation(g: GraphBuilder, activated: Value, key: string): Value {
  return g.linear(activated, `${key}.1`, 6 * (activated.shape[1] as number));
}

/** A modulation [1, 6 C] as blocks take it: [6 C], with 1 added to both scales at once. */
export function unitScales(g: GraphBuilder, modulated: Value): Value {
  const all = modulated.shape[1] as number;
  return g.add(g.reshape(modulated, [all]), onesAt(g, [0, 1, 0, 0, 1, 0], all / 6, modulated.type));
}

/** Ones and zeros, one per part of `channels` values. */
export function onesAt(g: GraphBuilder, parts: readonly number[], channels: number, type: ElementType): Value {
  const values = Float32Array.from({ length: parts.length * channels }, (_, i) => parts[Math.floor(i / channels)] ?? 0);
  return g.shared(`ones at ${parts} of ${channels} ${type}`, () => g.constant(values, [values.length], type));
}

/**
 * @param h [N, C] tokens
 * @param mod With `shareMod` the shared modulation of `unitScales`, [6 C], else SiLU of the time embedding, [1, C].
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
    options.shareMod ? mod : unitScales(g, modulation(g, mod, `${key}.adaLN_modulation`)),
    new Array<number>(6).fill(channels),
    0,
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
    g.layerNorm(x, { eps: BLOCK_NORM_EPS, affine: [scale, shift] });

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
