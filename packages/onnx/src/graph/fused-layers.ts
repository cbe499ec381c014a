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

/** The sum that a residual stands for. */
export function residualSum(g: GraphBuilder, { h, branch }: Residual): Value {
  if (branch === undefined) return h;
  const y = applyLinear(g, branch.layer);
  return g.add(h, branch.gate === undefined ? y : g.mul(y, branch.gate));
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
      const out = residualSum(g, residual);
      return [g.layerNorm(out, options), out];
    },
    cuda: () => {
      const { product, bias } = unbiased(g, layer);
      const gated = (y: Value) => (gate === undefined ? y : g.mul(y, gate));
      const [scale, shift] = affine ?? [g.ones(h.shape.at(-1) as number, h.type), undefined];
      const outputs = g.nodes(
        'SkipLayerNormalization',
        [gated(product), h, scale, shift, gated(bias)],
        [h, undefined, undefined, h],
        { epsilon: { float: eps } },
        { domain: MICROSOFT },
      );
      return [outputs[0] as Value, outputs[3] as Value];
    },
  }) as [Value, Value];
  return { normed, sum };
}

export function applyLinear(g: GraphBuilder, { x, key, outputs, rows }: LinearLayer): Value {
  return g.linear(x, key, outputs, rows === undefined ? {} : { rows });
}

function unbiased(g: GraphBuilder, { x, key, outputs, rows }: LinearLayer): { product: Value; bias: Value } {
  const part = rows === undefined ? {} : { rows };
  const product = g.linear(x, key, outputs, { bias: false, ...part });
  return { product, bias: g.weight(`${key}.bias`, [outputs], { type: x.type, ...part }) };
}

function one(values: readonly Value[]): Value {
  return values[0] as Value;
}
