/**
 * Attention layers over the tokens of one sample. Source: TRELLIS `modules/attention/modules.py` and
 * `modules/sparse/attention/modules.py`.
 */
import { applyLinear, type Extent, type GraphBuilder, type LinearLayer, linearOwing, type Value } from '@espalier/onnx';
import { qkRmsNorm } from './qk-rms-norm.ts';

export interface HeadOptions {
  readonly heads: number;
  /** Queries and keys pass `q_rms_norm` and `k_rms_norm`. */
  readonly qkRmsNorm: boolean;
}

/** Attends queries to keys and values: full attention, or one inside windows. Queries and keys [N, heads, D] or [N, C]. */
export type Attend = (query: Value, key: Value, value: Value) => Value;

/** Full attention of [Lq, C] to [Lk, C]; where `like` is given, of the rows of each entry of a batch to those of the same. */
export function fullAttention(g: GraphBuilder, heads: number, like?: Value): Attend {
  const channelsOf = (x: Value) =>
    x.shape.slice(1).reduce<number>((product, extent) => product * (extent as number), 1);
  const entries = (x: Value) => {
    const rows = x.shape[0] as Extent;
    if (like === undefined) return g.reshape(x, [1, rows, channelsOf(x)]);
    return g.batched(x, like, `${rows} of each`);
  };
  return (query, key, value) => {
    // Of a node's inputs the runtime works out first what was written last: the queries of a cross attention, which stand
    // on all before them, and only then the keys and values of the condition. Else all conditions' kernels, too short to
    // keep a card busy, would come before everything.
    const [keys, values] = [entries(key), entries(value)];
    const attended = g.attention(entries(query), keys, values, { heads });
    return g.reshape(attended, [query.shape[0] as Extent, channelsOf(query)]);
  };
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
  const [query, keys] = queriesAndKeys(g, project(0), project(1), key, options);
  const attended = attend(query, keys, linearOwing(g, project(2)));
  return { x: attended, key: `${key}.to_out`, outputs: channels, owes: project(2) };
}

/**
 * Cross attention to a condition, with `to_q`, the fused `to_kv`, and `to_out`.
 * @param x [B * N, C], the rows of each condition one behind another.
 * @param cond [B * L, condition channels], likewise.
 * @param like Has B entries.
 * @returns `to_out`, left to whoever adds it to something.
 */
export function crossAttention(
  g: GraphBuilder,
  x: Value,
  cond: Value,
  like: Value,
  key: string,
  options: HeadOptions,
): LinearLayer {
  const channels = x.shape[1] as number;
  const project = (part: number): LinearLayer => {
    const rows = [part * channels, (part + 1) * channels] as const;
    return { x: cond, key: `${key}.to_kv`, outputs: 2 * channels, rows };
  };
  const queries: LinearLayer = { x, key: `${key}.to_q`, outputs: channels };
  const [query, keys] = queriesAndKeys(g, queries, project(0), key, options);
  const attended = fullAttention(g, options.heads, like)(query, keys, linearOwing(g, project(1)));
  return { x: attended, key: `${key}.to_out`, outputs: channels, owes: project(1) };
}

/** Without a norm, a bias of keys adds the same to a query's products with all of them: on CUDA nobody gives it back. */
function queriesAndKeys(
  g: GraphBuilder,
  query: LinearLayer,
  key: LinearLayer,
  prefix: string,
  { heads, qkRmsNorm: normed }: HeadOptions,
): readonly [query: Value, key: Value] {
  if (normed) return qkRmsNorm(g, { query, key }, prefix, heads);
  return [applyLinear(g, query), linearOwing(g, key)];
}
