/** Compares what was computed with what was recorded. */
import { elementCount, type Tensor, type TensorData } from '@espalier/tensors';

/** The verdict on one tensor. */
export interface ParityRow {
  readonly case: string;
  readonly key: string;
  /** As recorded. */
  readonly shape: readonly number[];
  /** Largest absolute difference; infinite when sizes differ or a value is not finite. */
  readonly maxAbs: number;
  /** `maxAbs` divided by the largest recorded magnitude. */
  readonly maxRel: number;
  /** Largest `maxAbs` that passes; 0 for integers. */
  readonly allowed: number;
  readonly ok: boolean;
  /** Why it fails, where the figures do not say. */
  readonly note?: string;
}

export interface Difference {
  readonly maxAbs: number;
  readonly maxRel: number;
  readonly note?: string;
}

/**
 * Largest difference of values in row-major order; axes of extent 1 make no difference.
 * @param actual A tensor or its values alone.
 */
export function difference(actual: Pick<Tensor, 'data'> & { shape?: readonly number[] }, expected: Tensor): Difference {
  const shape = actual.shape;
  if (actual.data.length !== expected.data.length || (shape !== undefined && !sameExtents(shape, expected.shape))) {
    const found = shape === undefined ? `${actual.data.length} values` : `shape [${shape}]`;
    return { maxAbs: Number.POSITIVE_INFINITY, maxRel: Number.POSITIVE_INFINITY, note: `computed: ${found}` };
  }
  let maxAbs = 0;
  let largest = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [Number(actual.data[i]), Number(expected.data[i])];
    const distance = Math.abs(a - b);
    if (!(distance <= maxAbs)) {
      maxAbs = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
    }
    largest = Math.max(largest, Math.abs(b));
  }
  return { maxAbs, maxRel: maxAbs === 0 ? 0 : maxAbs / largest };
}

function sameExtents(a: readonly number[], b: readonly number[]): boolean {
  const [x, y] = [a, b].map((shape) => shape.filter((extent) => extent !== 1));
  return elementCount(a) === elementCount(b) && x?.join() === y?.join();
}

/** Root of the mean square: the size of the values. */
export function rootMeanSquare(data: TensorData): number {
  let sum = 0;
  for (let i = 0; i < data.length; i++) {
    sum += Number(data[i]) ** 2;
  }
  return Math.sqrt(sum / Math.max(1, data.length));
}
