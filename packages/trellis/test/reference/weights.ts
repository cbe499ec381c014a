import { decodeSafetensors, float32, type Tensor, toFloat32, writeSafetensors } from '@espalier/tensors';
import { randomValues } from '../support/random-voxels.ts';

/**
 * Weights of a reference network: those of a checkpoint, or random ones that come into being as the network asks for
 * them. Written to a file, the latter are a checkpoint with exactly the keys and shapes that the reference uses.
 */
export class Weights {
  readonly #tensors: Map<string, Tensor<Float32Array>>;
  readonly #seed: number | undefined;

  private constructor(tensors: Map<string, Tensor<Float32Array>>, seed: number | undefined) {
    this.#tensors = tensors;
    this.#seed = seed;
  }

  static random(seed: number): Weights {
    return new Weights(new Map(), seed);
  }

  static from(bytes: Uint8Array, name: string): Weights {
    const { tensors } = decodeSafetensors(bytes, name);
    return new Weights(new Map([...tensors].map(([key, tensor]) => [key, toFloat32(tensor, key)])), undefined);
  }

  get(key: string, shape: readonly number[]): Float32Array {
    const known = this.#tensors.get(key);
    if (known !== undefined) {
      if (known.shape.join() !== shape.join()) throw new Error(`${key} is [${known.shape}], asked for as [${shape}]`);
      return known.data;
    }
    if (this.#seed === undefined) throw new Error(`no weight '${key}'`);
    const count = shape.reduce((product, extent) => product * extent, 1);
    // Gains around 1, matrices that keep the size of what passes through them, small biases.
    const gain = key.endsWith('gamma') || (shape.length === 1 && key.endsWith('weight'));
    const spread = shape.length === 1 ? 0.2 : gain ? 0.2 : (count / (shape[0] as number)) ** -0.5;
    const values = randomValues(count, this.#seed + this.#tensors.size * 7919);
    const data = values.map((value) => value * spread + (gain ? 1 : 0));
    this.#tensors.set(key, float32(shape, data));
    return data;
  }

  async save(path: string): Promise<void> {
    await writeSafetensors(path, this.#tensors);
  }
}
