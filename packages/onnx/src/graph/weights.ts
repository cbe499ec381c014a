/** Weights as a graph sees them: whole, in part or under another shape, always in place in their file. */
import { dirname, sep } from 'node:path';
import { BYTES_PER_ELEMENT, type Dtype, elementCount } from '@espalier/tensors';
import type { WeightEntry } from '../checkpoint.ts';
import { GraphError } from './graph-error.ts';
import type { InitializerSpec } from './model-proto.ts';
import { describeShape } from './shapes.ts';
import { type ElementType, elementTypeOf } from './types.ts';

export interface WeightOptions {
  /** Element type of the value. @defaultValue the graph's compute type */
  readonly type?: ElementType;
  /** Only rows `[begin, end)` of the first axis: one of several matrices that were stored as one. */
  readonly rows?: readonly [number, number];
  /** Another shape of the same size under which the graph sees the stored, row-major values. */
  readonly as?: readonly number[];
}

/** A range of a file with a name, dtype and shape. */
export interface WeightPart {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly path: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** @throws GraphError when the rows are outside of the weight or the other shape has another size. */
export function selectWeight(entry: WeightEntry, { rows, as }: WeightOptions): WeightPart {
  const { key, dtype, path } = entry;
  let { shape, offset, byteLength } = entry;
  let name = key;
  if (rows !== undefined) {
    const [begin, end] = rows;
    const extent = shape[0] ?? 0;
    if (!(begin >= 0 && begin < end && end <= extent)) {
      throw new GraphError(`weight '${key}': rows ${begin} to ${end} are outside of ${describeShape(shape)}`);
    }
    const rowBytes = byteLength / extent;
    shape = shape.with(0, end - begin);
    offset += begin * rowBytes;
    byteLength = (end - begin) * rowBytes;
    name += `[${begin}:${end}]`;
  }
  if (as !== undefined) {
    if (elementCount(as) * BYTES_PER_ELEMENT[dtype] !== byteLength) {
      throw new GraphError(`weight '${key}': ${describeShape(shape)} cannot be seen as ${describeShape(as)}`);
    }
    shape = as;
    name += ` as ${describeShape(as)}`;
  }
  return { name, dtype, shape, path, offset, byteLength };
}

/**
 * ONNX Runtime resolves locations against one folder and refuses links that lead out of it. Weights of one folder are
 * named relative to it; weights spread over several relative to the root.
 */
export function externalInitializers(parts: readonly WeightPart[]): {
  weightsFolder: string | undefined;
  external: InitializerSpec[];
} {
  const folders = new Set(parts.map(({ path }) => dirname(path)));
  const [only] = folders;
  const weightsFolder = folders.size > 1 ? sep : only;
  const prefix = weightsFolder === undefined || weightsFolder.endsWith(sep) ? weightsFolder : weightsFolder + sep;
  const external = parts.map(({ name, dtype, shape, path, offset, byteLength }) => ({
    name,
    type: elementTypeOf(dtype),
    shape,
    data: { location: path.slice(prefix?.length ?? 0), offset, byteLength },
  }));
  return { weightsFolder, external };
}
