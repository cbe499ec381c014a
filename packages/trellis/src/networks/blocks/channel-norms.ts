/** Norms of dense feature grids [1, C, X, Y, Z]. Source: TRELLIS `modules/norm.py`. */
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
