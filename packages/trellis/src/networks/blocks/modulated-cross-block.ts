/**
 * The transformer block of both flow models. Source: TRELLIS `modules/transformer/modulated.py`,
 * `ModulatedTransformerCrossBlock`, and its sparse twin; adaptive layer norm: Peebles & Xie 2023, section 3.2.
 */
import { type ElementType, type GraphBuilder, type Residual, residualNorm, type Value } from '@espalier/onnx';
import { crossAttention, fullAttention, selfAttention } from './attention.ts';
import { type ConditionBatch, repeatedRows, rowsOfAll } from './condition-batch.ts';
import { feedForward } from './feed-forward.ts';

export interface ModulatedCrossBlockOptions {
  readonly heads: number;
  readonly mlpRatio: number;
  readonly qkRmsNorm: boolean;
  readonly qkRmsNormCross: boolean;
}

/** Norms inside blocks; the norm before the output layer has 1e-5. */
export const BLOCK_NORM_EPS = 1e-6;

/**
 * The linear layer `key.1` behind the SiLU: shift, scale, gate of self attention, then of the MLP.
 * @param activated SiLU of the embedding, [S, C].
 * @returns [S, 6 C]
 */
export function modulation(g: GraphBuilder, activated: Value, key: string): Value {
  return g.linear(activated, `${key}.1`, 6 * (activated.shape[1] as number));
}

/** A modulation [S, 6 C] as blocks take it: with 1 added to both scales at once. */
export function unitScales(g: GraphBuilder, modulated: Value): Value {
  const all = modulated.shape[1] as number;
  return g.add(modulated, onesAt(g, [0, 1, 0, 0, 1, 0], all / 6, modulated.type));
}

/** Ones and zeros, one per part of `channels` values. */
export function onesAt(g: GraphBuilder, parts: readonly number[], channels: number, type: ElementType): Value {
  const values = Float32Array.from({ length: parts.length * channels }, (_, i) => parts[Math.floor(i / channels)] ?? 0);
  return g.shared(`ones at ${parts} of ${channels} ${type}`, () => g.constant(values, [values.length], type));
}

/**
 * @param residual Of the tokens, [B * L, C]; of the first block also [L, C], which is the same for all conditions as long
 *   as none was looked at.
 * @param mod Shift, 1 + scale, gate of self attention, then of the MLP, each [C].
 * @param cond [B * text tokens, condition channels]
 * @param batch Of the tokens.
 * @param key Prefix, e.g. `blocks.0`.
 * @returns Of [B * L, C].
 */
export function modulatedCrossBlock(
  g: GraphBuilder,
  residual: Residual,
  mod: readonly Value[],
  cond: Value,
  batch: ConditionBatch,
  key: string,
  options: ModulatedCrossBlockOptions,
): Residual {
  const channels = residual.h.shape[1] as number;
  const [shiftAttention, scaleAttention, gateAttention, shiftMlp, scaleMlp, gateMlp] = mod as [
    Value,
    Value,
    Value,
    Value,
    Value,
    Value,
  ];
  const eps = BLOCK_NORM_EPS;

  const first = residualNorm(g, residual, { eps, affine: [scaleAttention, shiftAttention] });
  const alike = first.sum.shape[0] !== rowsOfAll(batch);
  const headOptions = { heads: options.heads, qkRmsNorm: options.qkRmsNorm };
  const attend = fullAttention(g, options.heads, alike ? undefined : batch.like);
  const attended = selfAttention(g, first.normed, `${key}.self_attn`, headOptions, attend);
  const stored = ['weight', 'bias'].map((part) => g.weight(`${key}.norm2.${part}`, [channels])) as [Value, Value];
  const second = residualNorm(
    g,
    { h: first.sum, branch: { layer: attended, gate: gateAttention } },
    { eps, affine: stored },
  );
  const ofAll = (x: Value) => (alike ? repeatedRows(g, x, batch) : x);
  const crossed = crossAttention(g, ofAll(second.normed), cond, batch.like, `${key}.cross_attn`, {
    heads: options.heads,
    qkRmsNorm: options.qkRmsNormCross,
  });
  const branch = { layer: crossed };
  const third = residualNorm(g, { h: ofAll(second.sum), branch }, { eps, affine: [scaleMlp, shiftMlp] });
  const mlp = feedForward(g, third.normed, `${key}.mlp`, options.mlpRatio);
  return { h: third.sum, branch: { layer: mlp, gate: gateMlp } };
}
