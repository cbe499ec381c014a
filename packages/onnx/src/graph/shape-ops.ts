/** Operations that move elements, and reductions. */
import { ElementwiseOps } from './elementwise-ops.ts';
import { broadcast, describeShape, knownExtent, reshapeTarget, resolveAxis, sameShape } from './shapes.ts';
import type { Extent, Shape, Value } from './types.ts';

export abstract class ShapeOps extends ElementwiseOps {
  /**
   * Another shape over the same values. A named extent stays where it was, or one new name is worked out from the rest:
   * `[W, L, C]` to `['W*L', C]`.
   */
  reshape(x: Value, shape: Shape): Value {
    if (sameShape(x.shape, shape)) {
      return x;
    }
    const target = reshapeTarget(x.shape, shape, `graph ${this.name}: Reshape`);
    return this.node('Reshape', [x, this.#ints(target)], { type: x.type, shape });
  }

  /** Axis `i` of the result is axis `order[i]` of `x`. */
  transpose(x: Value, order: readonly number[]): Value {
    const shape = order.map((axis) => x.shape[axis]).filter((extent): extent is Extent => extent !== undefined);
    if (shape.length !== x.shape.length || new Set(order).size !== order.length) {
      throw this.error(`Transpose: [${order}] is no order of the axes of ${describeShape(x.shape)}`);
    }
    return this.node('Transpose', [x], { type: x.type, shape }, { perm: { ints: order } });
  }

  /**
   * Joins along an axis.
   * @param extent Extent of the joined axis; needed when a part's extent is a named one.
   */
  concat(parts: readonly Value[], axis: number, extent?: Extent): Value {
    const [first] = parts;
    if (first === undefined) {
      throw this.error('Concat of nothing');
    }
    const at = resolveAxis(axis, first.shape.length, `graph ${this.name}: Concat`);
    for (const part of parts) {
      if (part.type !== first.type || !sameShape(part.shape.toSpliced(at, 1), first.shape.toSpliced(at, 1))) {
        throw this.error(`Concat: ${describeShape(part.shape)} beside ${describeShape(first.shape)} along axis ${at}`);
      }
    }
    const joined = extent ?? parts.reduce((sum, part) => sum + knownExtent(part.shape, at, 'Concat'), 0);
    const shape = first.shape.with(at, joined);
    return this.node('Concat', parts, { type: first.type, shape }, { axis: { int: at } });
  }

  /** Cuts along an axis into parts of the given extents. */
  split(x: Value, extents: readonly number[], axis: number): Value[] {
    const at = resolveAxis(axis, x.shape.length, `graph ${this.name}: Split`);
    const total = extents.reduce((sum, extent) => sum + extent, 0);
    if (x.shape[at] !== total) {
      throw this.error(`Split: [${extents}] do not add up to extent ${x.shape[at]} of ${describeShape(x.shape)}`);
    }
    const outputs = extents.map((extent) => ({ type: x.type, shape: x.shape.with(at, extent) }));
    return this.nodes('Split', [x, this.#ints(extents)], outputs, { axis: { int: at } });
  }

  /** Elements `begin` to `end` (exclusive) of an axis of known extent. */
  slice(x: Value, begin: number, end: number, axis: number): Value {
    const at = resolveAxis(axis, x.shape.length, `graph ${this.name}: Slice`);
    if (!(begin >= 0 && begin < end && end <= knownExtent(x.shape, at, `graph ${this.name}: Slice`))) {
      throw this.error(`Slice: ${begin} to ${end} is outside of ${describeShape(x.shape)} at axis ${at}`);
    }
    const bounds = [[begin], [end], [at]].map((numbers) => this.#ints(numbers));
    return this.node('Slice', [x, ...bounds], { type: x.type, shape: x.shape.with(at, end - begin) });
  }

  /** Entries of `x` along `axis` at `indices` (int32 or int64): the axis is replaced by the shape of `indices`. */
  gather(x: Value, indices: Value, axis = 0): Value {
    const at = resolveAxis(axis, x.shape.length, `graph ${this.name}: Gather`);
    const shape = x.shape.toSpliced(at, 1, ...indices.shape);
    return this.node('Gather', [x, indices], { type: x.type, shape }, { axis: { int: at } });
  }

  /** Stretches axes of extent 1 to a known shape. */
  expand(x: Value, shape: readonly number[]): Value {
    if (!sameShape(broadcast(x.shape, shape, 'Expand'), shape)) {
      throw this.error(`Expand: ${describeShape(x.shape)} does not stretch to ${describeShape(shape)}`);
    }
    return this.node('Expand', [x, this.#ints(shape)], { type: x.type, shape });
  }

  /** The one entry of the first axis as often as `like` has entries there: [1, ...] to [B, ...]. */
  repeat(x: Value, like: Value): Value {
    const [count = 1] = like.shape;
    if (x.shape[0] !== 1) {
      throw this.error(`repeat: ${describeShape(x.shape)} has not one entry`);
    }
    const ones = new Array<number>(x.shape.length - 1).fill(1);
    return this.node('Expand', [x, this.#behindCount(like, ones)], { type: x.type, shape: x.shape.with(0, count) });
  }

  /**
   * Rows that belong to the entries of a batch, equally many to each: [B * rows, ...] to [B, rows, C], where C are all
   * channels of a row and `like` has B entries.
   */
  batched(x: Value, like: Value, rows: Extent): Value {
    const channels = x.shape.slice(1).reduce<number>((product, _, axis) => {
      return product * knownExtent(x.shape, axis + 1, `graph ${this.name}: batched`);
    }, 1);
    const [count = 1] = like.shape;
    const target = this.#behindCount(like, [-1, channels]);
    return this.node('Reshape', [x, target], { type: x.type, shape: [count, rows, channels] });
  }

  /** Appends channels of zeros on the last axis. */
  padChannels(x: Value, count: number): Value {
    const channels = knownExtent(x.shape, -1, `graph ${this.name}: Pad`);
    const pads = [...new Array<number>(2 * x.shape.length - 1).fill(0), count];
    const zero = this.scalar(0, x.type);
    return this.node('Pad', [x, this.#ints(pads), zero], { type: x.type, shape: x.shape.with(-1, channels + count) });
  }

  /** Sum, mean, maximum or Euclidean norm along axes, which keep extent 1. */
  reduce(operation: 'Sum' | 'Mean' | 'Max' | 'L2', x: Value, axes: readonly number[]): Value {
    const at = axes.map((axis) => resolveAxis(axis, x.shape.length, `graph ${this.name}: Reduce`));
    const shape = x.shape.map((extent, axis) => (at.includes(axis) ? 1 : extent));
    return this.node(`Reduce${operation}`, [x, this.#ints(at)], { type: x.type, shape }, { keepdims: { int: 1 } });
  }

  /** A shape whose first extent is that of `like`, which is known when the graph runs. */
  #behindCount(like: Value, rest: readonly number[]): Value {
    return this.shared(`entries of ${like.name}, then ${rest}`, () => {
      const first = { type: 'int64', shape: [1] } as const;
      const count = this.node('Shape', [like], first, { start: { int: 0 }, end: { int: 1 } });
      return this.concat([count, this.#ints(rest)], 0);
    });
  }

  #ints(values: readonly number[]): Value {
    return this.constant(values, [values.length], 'int64');
  }
}
