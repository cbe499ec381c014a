/** Rules of shapes, checked while a graph is built: a slip shows at its line, not as an error of the runtime. */
import { GraphError } from './graph-error.ts';
import type { Extent, Shape } from './types.ts';

export function describeShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** Product of the known extents and the sorted names of the others: equal for shapes of equal size. */
function size(shape: Shape): string {
  const known = shape.reduce<number>((product, extent) => (typeof extent === 'number' ? product * extent : product), 1);
  const named = shape.filter((extent) => typeof extent === 'string').sort();
  return [known, ...named].join(' * ');
}

/**
 * Shape of an elementwise operation on `a` and `b` (numpy's rule: aligned at the last axis, 1 stretches).
 * @throws GraphError when two extents differ.
 */
export function broadcast(a: Shape, b: Shape, where: string): Shape {
  const rank = Math.max(a.length, b.length);
  const at = (shape: Shape, axis: number): Extent => shape[axis - rank + shape.length] ?? 1;
  return Array.from({ length: rank }, (_, axis) => {
    const [x, y] = [at(a, axis), at(b, axis)];
    if (x !== y && x !== 1 && y !== 1) {
      throw new GraphError(`${where}: shapes ${describeShape(a)} and ${describeShape(b)} do not fit`);
    }
    return x === 1 ? y : x;
  });
}

/** Axis counted from the front, from one that may be negative. */
export function resolveAxis(axis: number, rank: number, where: string): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!(resolved >= 0 && resolved < rank)) {
    throw new GraphError(`${where}: axis ${axis} is outside of rank ${rank}`);
  }
  return resolved;
}

/** A known extent. @throws GraphError when it is a named one. */
export function knownExtent(shape: Shape, axis: number, where: string): number {
  const extent = shape[resolveAxis(axis, shape.length, where)];
  if (typeof extent !== 'number') {
    throw new GraphError(`${where}: extent '${extent}' of ${describeShape(shape)} must be known`);
  }
  return extent;
}

/**
 * The numbers that ONNX's Reshape takes: 0 copies the input's extent at that axis, one -1 is worked out.
 *
 * A target extent with a name that the input does not have (`'W*L'`) gets the -1; several such cannot be told.
 * @throws GraphError when sizes differ or more than one extent would have to be worked out.
 */
export function reshapeTarget(from: Shape, to: Shape, where: string): number[] {
  const target = to.map((extent, axis) => (typeof extent === 'number' ? extent : from[axis] === extent ? 0 : -1));
  const unknown = target.filter((extent) => extent === -1).length;
  if (unknown > 1 || (unknown === 0 && size(from) !== size(to))) {
    throw new GraphError(`${where}: cannot reshape ${describeShape(from)} to ${describeShape(to)}`);
  }
  return target;
}
