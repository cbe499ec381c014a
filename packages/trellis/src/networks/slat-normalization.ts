import { float32, type Tensor } from '@espalier/tensors';

/** `slat_normalization` of `pipeline.json`: one mean and one deviation per latent channel. */
export interface LatentNormalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * From the sampler's space, where channels are of unit size, to the decoders': `x * std + mean`, rounded to float32
 * after each operation as in the original.
 *
 * @param sample Row-major values [N, channels].
 * @returns F32 [N, channels]
 */
export function denormalise(sample: Float32Array, { mean, std }: LatentNormalization): Tensor<Float32Array> {
  const channels = mean.length;
  const scale = Float32Array.from(std);
  const shift = Float32Array.from(mean);
  const out = sample.map(
    (value, i) => Math.fround(value * (scale[i % channels] as number)) + (shift[i % channels] as number),
  );
  return float32([sample.length / channels, channels], out);
}
