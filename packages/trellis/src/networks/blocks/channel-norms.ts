/** Norms of feature grids [1, C, X, Y, Z], and of rows. Source: TRELLIS `modules/norm.py`. */
import type { GraphBuilder, Value } from '@espalier/onnx';

const EPS = 1e-5;
/** Groups of `GroupNorm32`. */
const GROUPS = 32;

/**
 * `ChannelLayerNorm32`: layer norm over the channels of each position, in float32, given back in the type of `x`.
 * @param key Prefix of `weight` and `bias`, each [C].
 */
export function channelLayerNorm(g: GraphBuilder, x: Value, key: string): Value {
  const [, channels, ...grid] = x.shape as number[] as [number, number, ...number[]];
  const positions = grid.reduce((product, extent) => product * extent, 1);
  const rows = g.transpose(g.reshape(x, [channels, positions]), [1, 0]);
  const normed = g.layerNorm(rows, { eps: EPS, key });
  return g.reshape(g.transpose(normed, [1, 0]), x.shape);
}

/**
 * `GroupNorm32`: 32 groups of channels, each normalised over its channels and all positions (Wu & He 2018), in float32,
 * given back in the type of `x`.
 * @param key Prefix of `weight` and `bias`, each [C].
 */
export function groupNorm(g: GraphBuilder, x: Value, key: string): Value {
  const [, channels, ...grid] = x.shape as number[] as [number, number, ...number[]];
  const positions = grid.reduce((product, extent) => product * extent, 1);
  // Instance norm over groups: its statistics stay exact over 10^6 values, those of the layer norm kernel do not.
  const groups = g.reshape(g.cast(x, 'float32'), [1, GROUPS, (channels / GROUPS) * positions]);
  const ones = g.constant(new Float32Array(GROUPS).fill(1), [GROUPS]);
  const zeros = g.constant(new Float32Array(GROUPS), [GROUPS]);
  const normed = g.reshape(
    g.node('InstanceNormalization', [groups, ones, zeros], groups, { epsilon: { float: EPS } }),
    [channels, positions],
  );
  const weight = g.weight(`${key}.weight`, [channels], { type: 'float32', as: [channels, 1] });
  const bias = g.weight(`${key}.bias`, [channels], { type: 'float32', as: [channels, 1] });
  return g.cast(g.reshape(g.add(g.mul(normed, weight), bias), x.shape), x.type);
}

/**
 * `SparseGroupNorm32`: as `groupNorm`, of rows [N, C]. Means over rows are taken in columns, twice: of the values, then of
 * the squares around the mean, so that a mean far from zero costs no precision.
 * @param key Prefix of `weight` and `bias`, each [C].
 */
export function groupNormRows(g: GraphBuilder, x: Value, key: string): Value {
  const channels = x.shape[1] as number;
  const width = channels / GROUPS;
  const values = g.cast(x, 'float32');
  const groupMean = (rows: Value) => g.reduce('Mean', g.reshape(g.reduce('Mean', rows, [0]), [GROUPS, width]), [1]);
  const perChannel = (group: Value) => g.reshape(g.expand(group, [GROUPS, width]), [channels]);
  const centred = g.sub(values, perChannel(groupMean(values)));
  const deviation = g.unary('Sqrt', g.add(groupMean(g.mul(centred, centred)), EPS));
  const weight = g.weight(`${key}.weight`, [channels], { type: 'float32' });
  const bias = g.weight(`${key}.bias`, [channels], { type: 'float32' });
  return g.cast(g.add(g.mul(centred, g.div(weight, perChannel(deviation))), bias), x.type);
}
