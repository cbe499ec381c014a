/**
 * Builds an ONNX graph whose weights stay where they are: in the safetensors files of a checkpoint.
 *
 * ```ts
 * const checkpoint = await Checkpoint.open('model.safetensors');
 * const g = new GraphBuilder({ name: 'two layers', checkpoint });
 * const x = g.input('x', 'float32', ['N', 8]);
 * const h = g.tap('hidden', g.silu(g.linear(x, 'first', 32)));
 * g.output('out', g.linear(h, 'second', 8));
 * const graph = g.build();
 * checkpoint.assertAllTaken();
 * ```
 *
 * Values carry type and shape, so what does not fit fails where it is written. Layers of networks live above, as
 * functions of a builder; here are the operations they share.
 */
import { MICROSOFT } from './model-proto.ts';
import { ShapeOps } from './shape-ops.ts';
import { describeShape, knownExtent, sameShape } from './shapes.ts';
import type { ElementType, Shape, Value } from './types.ts';

export interface AttentionOptions {
  readonly heads: number;
  /** int32 [B]: how many of the keys exist; those behind them are padding. Leave it out where none is. */
  readonly keyLengths?: Value;
  /** Additive bias [1 or B, 1 or heads, Lq, Lk], e.g. a causal mask of 0 and -inf. */
  readonly bias?: Value;
  /** Factor on the products of queries and keys. @defaultValue 1 / sqrt(head's channels) */
  readonly scale?: number;
}

export interface LinearOptions {
  /** False for a layer without bias. @defaultValue true */
  readonly bias?: boolean;
  /** Only outputs `[begin, end)`: one of several layers that were stored as one, e.g. the queries of `to_qkv`. */
  readonly rows?: readonly [number, number];
}

export class GraphBuilder extends ShapeOps {
  /**
   * Linear layer with torch's weights: `key.weight` [outputs, inputs] and `key.bias` [outputs].
   * @param x [..., inputs] with at most one named extent.
   * Computes in the type of `x`.
   */
  linear(x: Value, key: string, outputs: number, options: LinearOptions = {}): Value {
    const { type } = x;
    const rows = options.rows === undefined ? {} : { rows: options.rows };
    const inputs = knownExtent(x.shape, -1, `graph ${this.name}: linear '${key}'`);
    const weight = this.weight(`${key}.weight`, [outputs, inputs], { type, ...rows });
    const bias = options.bias === false ? undefined : this.weight(`${key}.bias`, [outputs], { type, ...rows });
    return this.gemm(x, weight, { bias, transposed: true });
  }

  /**
   * `x @ b + bias` on the last axis of `x`; rank 2 inside, where the kernels are best.
   * @param b [K, M], or [M, K] when `transposed`.
   */
  gemm(x: Value, b: Value, options: { bias?: Value | undefined; transposed?: boolean } = {}): Value {
    const transposed = options.transposed ?? false;
    const [inner, outputs] = transposed ? [b.shape[1], b.shape[0]] : [b.shape[0], b.shape[1]];
    if (b.shape.length !== 2 || outputs === undefined || x.shape.at(-1) !== inner || x.type !== b.type) {
      const shown = `${x.type} ${describeShape(x.shape)} with ${b.type} ${describeShape(b.shape)}`;
      throw this.error(`Gemm: ${shown}${transposed ? ', transposed' : ''}`);
    }
    const lead = x.shape.slice(0, -1);
    const flat = this.reshape(x, [flatExtent(lead), inner ?? 1]);
    const inputs = options.bias === undefined ? [flat, b] : [flat, b, options.bias];
    const shape = [flat.shape[0] ?? 1, outputs];
    const y = this.node('Gemm', inputs, { type: x.type, shape }, { transB: { int: transposed ? 1 : 0 } });
    return this.reshape(y, [...lead, outputs]);
  }

  /** Product of matrices on the last two axes, the leading ones equal or 1. */
  matmul(a: Value, b: Value): Value {
    const lead = a.shape.length >= b.shape.length ? a.shape.slice(0, -2) : b.shape.slice(0, -2);
    const [rows, inner, inner2, columns] = [a.shape.at(-2), a.shape.at(-1), b.shape.at(-2), b.shape.at(-1)];
    if (rows === undefined || columns === undefined || inner !== inner2 || a.type !== b.type) {
      throw this.error(`MatMul: ${a.type} ${describeShape(a.shape)} with ${b.type} ${describeShape(b.shape)}`);
    }
    return this.node('MatMul', [a, b], { type: a.type, shape: [...lead, rows, columns] });
  }

  /** Softmax along the last axis. */
  softmax(x: Value): Value {
    return this.node('Softmax', [x], x, { axis: { int: -1 } });
  }

  /**
   * Layer norm over the last axis: statistics in float32, the rest in the type of `x`.
   * @param options.key Prefix of the affine part's `weight` and `bias`; without it and `affine` there is none.
   * @param options.affine The affine part where it is computed: scale and shift [C] of the type of `x`.
   */
  layerNorm(x: Value, options: { eps: number; key?: string; affine?: readonly [scale: Value, shift: Value] }): Value {
    const channels = knownExtent(x.shape, -1, `graph ${this.name}: layer norm`);
    const { key, eps } = options;
    const { type } = x;
    const stored = (part: string) => this.weight(`${key}.${part}`, [channels], { type });
    const affine =
      options.affine ?? (key === undefined ? [this.ones(channels, type)] : [stored('weight'), stored('bias')]);
    return this.node('LayerNormalization', [x, ...affine], x, { axis: { int: -1 }, epsilon: { float: eps } });
  }

  /** `x / sqrt(mean(x^2) + eps)` over the last axis: the mean in float32, given back in the type of `x`. */
  rmsNorm(x: Value, eps: number): Value {
    const channels = knownExtent(x.shape, -1, `graph ${this.name}: RMS norm`);
    // Of ONNX Runtime, though it stands in the standard's own domain.
    return this.node('SimplifiedLayerNormalization', [x, this.ones(channels, x.type)], x, {
      axis: { int: -1 },
      epsilon: { float: eps },
    });
  }

  /**
   * Softmax attention of several heads.
   * @param query [B, Lq, heads * D]
   * @param key [B, Lk, heads * D]
   * @param value [B, Lk, heads * D]
   * @returns [B, Lq, heads * D]
   */
  attention(query: Value, key: Value, value: Value, options: AttentionOptions): Value {
    const where = `graph ${this.name}: attention`;
    const channels = knownExtent(query.shape, -1, where);
    const fits = sameShape(key.shape, value.shape) && key.shape.at(-1) === channels && query.shape[0] === key.shape[0];
    if (query.shape.length !== 3 || !fits || channels % options.heads !== 0) {
      const shown = [query, key, value].map(({ shape }) => describeShape(shape)).join(', ');
      throw this.error(`attention of ${options.heads} heads: shapes ${shown}`);
    }
    return this.node(
      'MultiHeadAttention',
      trimmed([query, key, value, undefined, options.keyLengths, options.bias]),
      query,
      {
        num_heads: { int: options.heads },
        scale: { float: options.scale ?? 1 / Math.sqrt(channels / options.heads) },
      },
      { domain: MICROSOFT },
    );
  }

  /**
   * Softmax attention of several heads inside groups of unequal length that lie one behind another, T rows in all. The
   * runtime has a kernel for CUDA alone.
   * @param query [T, heads * D], as are `key` and `value`.
   * @param options.starts int32 [G + 1]: where groups begin, and T.
   * @param options.places int32 [G, L]: in a grid of groups padded to L, the places of the T rows, then the empty ones.
   * @returns [T, heads * D]
   */
  packedAttention(
    query: Value,
    key: Value,
    value: Value,
    { heads, starts, places }: { readonly heads: number; readonly starts: Value; readonly places: Value },
  ): Value {
    const channels = knownExtent(query.shape, -1, `graph ${this.name}: attention`);
    if (query.shape.length !== 2 || !sameShape(query.shape, key.shape) || !sameShape(key.shape, value.shape)) {
      const shown = [query, key, value].map(({ shape }) => describeShape(shape)).join(', ');
      throw this.error(`packed attention of ${heads} heads: shapes ${shown}`);
    }
    return this.node(
      'PackedMultiHeadAttention',
      [query, key, value, undefined, places, starts],
      query,
      { num_heads: { int: heads }, scale: { float: 1 / Math.sqrt(channels / heads) } },
      { domain: MICROSOFT },
    );
  }

  /**
   * Convolution with stride 1 over the axes behind [B, C].
   * @param x [B, C, ...extents]
   * @param weight [outputs, C, ...kernel]
   */
  conv(x: Value, weight: Value, options: { bias?: Value; padding: number }): Value {
    const [batch, channels, ...extents] = x.shape;
    const [outputs, inputs, ...kernel] = weight.shape;
    if (batch === undefined || outputs === undefined || channels !== inputs || kernel.length !== extents.length) {
      throw this.error(`Conv: ${describeShape(x.shape)} with ${describeShape(weight.shape)}`);
    }
    const grown = extents.map((extent, axis) => {
      const by = 2 * options.padding + 1 - knownExtent(kernel, axis, 'Conv');
      return by === 0 ? extent : knownExtent(extents, axis, 'Conv') + by;
    });
    return this.node(
      'Conv',
      trimmed([x, weight, options.bias]),
      { type: x.type, shape: [batch, outputs, ...grown] },
      { pads: { ints: new Array<number>(2 * extents.length).fill(options.padding) } },
    );
  }

  /** A vector of ones. */
  ones(channels: number, type: ElementType): Value {
    return this.cached(`ones ${type} ${channels}`, () =>
      this.constant(new Float32Array(channels).fill(1), [channels], type),
    );
  }
}

/** Without the optional inputs that are left out at the end. */
function trimmed(inputs: readonly (Value | undefined)[]): readonly (Value | undefined)[] {
  return inputs.slice(0, inputs.findLastIndex((input) => input !== undefined) + 1);
}

/** Extent of several axes taken as one. */
function flatExtent(lead: Shape): number | string {
  if (lead.every((extent) => typeof extent === 'number')) {
    return lead.reduce((product, extent) => product * extent, 1);
  }
  const factors = lead.filter((extent) => extent !== 1);
  return factors.join('*');
}
