import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { decodeSafetensors, type Tensor } from '@espalier/tensors';

/** Folder of the reference data made with the original code; its README says what each file holds. */
const GOLDENS = fileURLToPath(new URL('../goldens/', import.meta.url));
export const GOLDEN_MODEL = `${GOLDENS}trellis-tiny`;

/** One file of the reference data, with typed access that throws on a missing key. */
export interface GoldenCase {
  readonly metadata: Readonly<Record<string, string>>;
  tensor(key: string): Tensor;
  float32(key: string): Tensor<Float32Array>;
  int32(key: string): Tensor<Int32Array>;
  has(key: string): boolean;
}

export async function goldenCase(name: string): Promise<GoldenCase> {
  return caseFromFile(`${GOLDENS}cases/${name}.safetensors`);
}

export async function caseFromFile(path: string): Promise<GoldenCase> {
  const { tensors, metadata } = decodeSafetensors(new Uint8Array(await readFile(path)), path);
  const tensor = (key: string): Tensor => {
    const found = tensors.get(key);
    if (!found) throw new Error(`${path} has no '${key}'`);
    return found;
  };
  return {
    metadata,
    tensor,
    float32: (key) => {
      const found = tensor(key);
      if (!(found.data instanceof Float32Array)) throw new Error(`${path}: '${key}' is ${found.dtype}, not F32`);
      return { ...found, data: found.data };
    },
    int32: (key) => {
      const found = tensor(key);
      if (!(found.data instanceof Int32Array)) throw new Error(`${path}: '${key}' is ${found.dtype}, not I32`);
      return { ...found, data: found.data };
    },
    has: (key) => tensors.has(key),
  };
}

/** Largest absolute difference; throws when the lengths differ or a value is not finite. */
export function maxAbsDifference(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) throw new Error(`${actual.length} values, expected ${expected.length}`);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((actual[i] as number) - (expected[i] as number));
    if (!Number.isFinite(difference)) throw new Error(`value ${i} is ${actual[i]}, expected ${expected[i]}`);
    if (difference > worst) worst = difference;
  }
  return worst;
}
