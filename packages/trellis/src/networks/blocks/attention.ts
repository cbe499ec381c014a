/**
 * Attention layers over the tokens of one sample. Source: TRELLIS `modules/attention/modules.py` and
 * `modules/sparse/attention/modules.py`.
 */
import { applyLinear, type GraphBuilder, type LinearLayer, type Value } from '@espalier/onnx';
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
 * @returns `to_out`, left to whoever adds it to something.
 */
export function selfAttention(
  g: GraphBuilder,
  x: Value,
  key: string,
  options: HeadOptions,
  attend: Attend = fullAttention(g, options.heads),
): LinearLayer {
  const channels = x.shape[1] as number;
  // Rows of one stored matrix, [3][heads][D]: three products in place of one and a copy of its three parts.
  const project = (part: number): LinearLayer => {
    const rows = [part * channels, (part + 1) * channels] as const;
    return { x, key: `${key}.to_qkv`, outputs: 3 * channels, rows };
  };
  const query = normed(g, project(0), `${key}.q_rms_norm`, options);
  const keys = normed(g, project(1), `${key}.k_rms_norm`, options);
  return { x: attend(query, keys, applyLinear(g, project(2))), key: `${key}.to_out`, outputs: channels };
}

/**
 * Cross attention to a condition, with `to_q`, the fused `to_kv`, and `to_out`.
 * @param x [N, C]
 * @param cond [L, condition channels]
 * @returns `to_out`, left to whoever adds it to something.
 */
export function crossAttention(g: GraphBuilder, x: Value, cond: Value, key: string, options: HeadOptions): LinearLayer {
  const channels = x.shape[1] as number;
  const project = (part: number): LinearLayer => {
    const rows = [part * channels, (part + 1) * channels] as const;
    return { x: cond, key: `${key}.to_kv`, outputs: 2 * channels, rows };
  };
  const query = normed(g, { x, key: `${key}.to_q`, outputs: channels }, `${key}.q_rms_norm`, options);
  const keys = normed(g, project(0), `${key}.k_rms_norm`, options);
  const attended = fullAttention(g, options.heads)(query, keys, applyLinear(g, project(1)));
  return { x: attended, key: `${key}.to_out`, outputs: channels };
}

function normed(g: GraphBuilder, projection: LinearLayer, key: string, options: HeadOptions): Value {
  return options.qkRmsNorm ? qkRmsNorm(g, projection, key, options.heads) : applyLinear(g, projection);
}
