/**
 * Layers whose bias, sum or norm the runtime's CUDA kernels do in one pass, and its CPU kernels better apart: there a
 * Gemm adds its bias for nothing, and the fused kernels work one value at a time. Statistics are float32 on both.
 */
import type { GraphBuilder } from './graph-builder.ts';
import { MICROSOFT } from './model-proto.ts';
import type { Value } from './types.ts';

/** A linear layer of `GraphBuilder.linear`, not applied yet. */
export interface LinearLayer {
  /** [N, inputs] */
  readonly x: Value;
  readonly key: string;
  /** Of the layer as it is stored. */
  readonly outputs: number;
  /** Only some of them, see `LinearOptions.rows`. */
  readonly rows?: readonly [number, number];
  /** On CUDA `x` still lacks this layer's bias: `linearOwing` gave it, and attention passed it on. */
  readonly owes?: LinearLayer;
}

/** What is yet to be added to `h`, [N, C]: a linear layer's result, times `gate` [C] where there is one. */
export interface Residual {
  readonly h: Value;
  readonly branch?: { readonly layer: LinearLayer; readonly gate?: Value | undefined } | undefined;
}

/** GELU (tanh) of a linear layer. */
export function linearGelu(g: GraphBuilder, layer: LinearLayer): Value {
  return one(
    g.either({
      cpu: () => [g.gelu(applyLinear(g, layer), 'tanh')],
      cuda: () => {
        const { product, bias } = unbiased(g, layer);
        return [g.node('FastGelu', [product, bias], product, {}, { domain: MICROSOFT })];
      },
    }),
  );
}

/**
 * A linear layer, each head's channels divided by the root of their mean square.
 * @returns [N, heads, D]
 */
export function linearRms(g: GraphBuilder, layer: LinearLayer, heads: number, eps: number): Value {
  const byHead = (y: Value) => {
    const [rows, channels] = y.shape as [number | string, number];
    return g.reshape(y, [rows, heads, channels / heads]);
  };
  return one(
    g.either({
      cpu: () => [g.rmsNorm(byHead(applyLinear(g, layer)), eps)],
      cuda: () => {
        const { product, bias } = unbiased(g, layer);
        const x = byHead(product);
        // What is skipped around the norm may be one row for all: here it is the bias.
        const width = x.shape[2] as number;
        const inputs = [x, g.reshape(bias, [1, heads, width]), g.ones(width, x.type)];
        const attributes = { epsilon: { float: eps } };
        return [g.node('SkipSimplifiedLayerNormalization', inputs, x, attributes, { domain: MICROSOFT })];
      },
    }),
  );
}

/**
 * A linear layer, on CUDA without its bias, which whoever takes the result in owes: see `LinearLayer.owes`. For values that
 * attention forms means of: its weights add up to 1, so that a bias comes out of it as it went in.
 */
export function linearOwing(g: GraphBuilder, layer: LinearLayer): Value {
  return one(g.either({ cpu: () => [applyLinear(g, layer)], cuda: () => [unbiased(g, layer).product] }));
}

/** The sum that a residual stands for. */
export function residualSum(g: GraphBuilder, { h, branch }: Residual): Value {
  if (branch === undefined) return h;
  const { layer } = branch;
  const plain = () => added(g, h, applyLinear(g, layer), branch);
  if (layer.owes === undefined) return plain();
  const cuda = () => {
    const { product, bias } = unbiased(g, layer);
    return added(g, h, g.add(product, bias), branch);
  };
  return one(g.either({ cpu: () => [plain()], cuda: () => [cuda()] }));
}

function added(g: GraphBuilder, h: Value, y: Value, { gate }: NonNullable<Residual['branch']>): Value {
  return g.add(h, gate === undefined ? y : g.mul(y, gate));
}

/** `GraphBuilder.tap` of the sum, which is only formed where it was asked for. */
export function tapResidual(g: GraphBuilder, name: string, residual: Residual): Residual {
  return g.isTapped(name) ? { h: g.tap(name, residualSum(g, residual)) } : residual;
}

/**
 * Layer norm of a residual's sum, and the sum.
 * @param norm As for `GraphBuilder.layerNorm`, the affine part given as values [C] or absent.
 */
export function residualNorm(
  g: GraphBuilder,
  residual: Residual,
  norm: { readonly eps: number; readonly affine?: readonly [scale: Value, shift: Value] | undefined },
): { readonly normed: Value; readonly sum: Value } {
  const { h, branch } = residual;
  const { eps, affine } = norm;
  const options = { eps, ...(affine === undefined ? {} : { affine }) };
  if (branch === undefined) return { normed: g.layerNorm(h, options), sum: h };
  const { layer, gate } = branch;
  const [normed, sum] = g.either({
    cpu: () => {
      const out = added(g, h, applyLinear(g, layer), branch);
      return [g.layerNorm(out, options), out];
    },
    cuda: () => {
      const { product, bias } = unbiased(g, layer);
      const gated = (y: Value) => (gate === undefined ? y : g.mul(y, gate));
      const [scale, shift] = affine ?? [g.ones(h.shape.at(-1) as number, h.type), undefined];
      // Written before the product's, so that the runtime does not do all of them before it begins.
      const gatedBias = gated(bias);
      const outputs = g.nodes(
        'SkipLayerNormalization',
        [gated(product), h, scale, shift, gatedBias],
        [h, undefined, undefined, h],
        { epsilon: { float: eps } },
        { domain: MICROSOFT },
      );
      return [outputs[0] as Value, outputs[3] as Value];
    },
  }) as [Value, Value];
  return { normed, sum };
}

export function applyLinear(g: GraphBuilder, layer: LinearLayer): Value {
  return g.linear(layer.x, layer.key, layer.outputs, partOf(layer));
}

function unbiased(g: GraphBuilder, layer: LinearLayer): { product: Value; bias: Value } {
  const { x, key, outputs, owes } = layer;
  const part = partOf(layer);
  const product = g.linear(x, key, outputs, { bias: false, ...part });
  if (owes === undefined) return { product, bias: g.weight(`${key}.bias`, [outputs], { type: x.type, ...part }) };
  // Constants: the runtime works this out when it opens the graph.
  const inputs = x.shape.at(-1) as number;
  const float32 = { type: 'float32' } as const;
  const owed = g.reshape(g.weight(`${owes.key}.bias`, [owes.outputs], { ...float32, ...partOf(owes) }), [1, inputs]);
  const own = g.weight(`${key}.bias`, [outputs], { ...float32, ...part });
  const weight = g.weight(`${key}.weight`, [outputs, inputs], { ...float32, ...part });
  const bias = g.gemm(owed, weight, { bias: own, transposed: true });
  return { product, bias: g.cast(g.reshape(bias, [bias.shape[1] as number]), x.type) };
}

function partOf({ rows }: LinearLayer): { readonly rows?: readonly [number, number] } {
  return rows === undefined ? {} : { rows };
}

function one(values: readonly Value[]): Value {
  return values[0] as Value;
}
