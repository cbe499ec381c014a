/**
 * Attention layers over the tokens of one sample. Source: TRELLIS `modules/attention/modules.py` and
 * `modules/sparse/attention/modules.py`.
 */
import type { GraphBuilder, Value } from '@espalier/onnx';
import { qkRmsNorm } from './qk-rms-norm.ts';

export interface HeadOptions {
  readonly heads: number;
  /** Queries and keys pass `q_rms_norm` and `k_rms_norm`. */
  readonly qkRmsNorm: boolean;
}

/** Attends queries to keys and values, each [N, C]: full attention, or one inside windows. */
export type Attend = (query: Value, key: Value, value: Value) => Value;

/** Full attention of [Lq, C] to [Lk, C]. */
function fullAttention(g: GraphBuilder, heads: number): Attend {
  const batched = (x: Value) => g.reshape(x, [1, ...x.shape]);
  return (query, key, value) =>
    g.reshape(g.attention(batched(query), batched(key), batched(value), { heads }), query.shape);
}

/**
 * Self attention with the fused projection `to_qkv` and the output projection `to_out`.
 * @param x [N, C]
 * @param attend What attends: full attention unless given.
 */
export function selfAttention(
  g: GraphBuilder,
  x: Value,
  key: string,
  options: HeadOptions,
  attend: Attend = fullAttention(g, options.heads),
): Value {
  const channels = x.shape[1] as number;
  // Rows of one stored matrix, [3][heads][D]: three products in place of one and a copy of its three parts.
  const project = (part: number) =>
    g.linear(x, `${key}.to_qkv`, 3 * channels, { rows: [part * channels, (part + 1) * channels] });
  const query = normed(g, project(0), `${key}.q_rms_norm`, options);
  const keys = normed(g, project(1), `${key}.k_rms_norm`, options);
  return g.linear(attend(query, keys, project(2)), `${key}.to_out`, channels);
}

/**
 * Cross attention to a condition, with `to_q`, the fused `to_kv`, and `to_out`.
 * @param x [N, C]
 * @param cond [L, condition channels]
 */
export function crossAttention(g: GraphBuilder, x: Value, cond: Value, key: string, options: HeadOptions): Value {
  const channels = x.shape[1] as number;
  const project = (part: number) =>
    g.linear(cond, `${key}.to_kv`, 2 * channels, { rows: [part * channels, (part + 1) * channels] });
  const query = normed(g, g.linear(x, `${key}.to_q`, channels), `${key}.q_rms_norm`, options);
  const keys = normed(g, project(0), `${key}.k_rms_norm`, options);
  return g.linear(fullAttention(g, options.heads)(query, keys, project(1)), `${key}.to_out`, channels);
}

function normed(g: GraphBuilder, x: Value, key: string, options: HeadOptions): Value {
  return options.qkRmsNorm ? qkRmsNorm(g, x, key, options.heads) : x;
}
