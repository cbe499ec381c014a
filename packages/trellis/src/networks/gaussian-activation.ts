/**
 * From the raw channels of the Gaussian decoder to Gaussians in world units. Source: TRELLIS `decoder_gs.py`,
 * `to_representation`, and `gaussian_model.py`; Kerbl et al. 2023 (3D Gaussian splatting).
 */
import type { Gaussians } from '@espalier/geometry';
import type { GaussianRepresentation } from '../repository/index.ts';
import { voxelCount } from '../sparse/index.ts';

/** Raw channels per Gaussian: offset 3, colour 3, scale 3, rotation 4, opacity 1, each [num_gaussians][component]. */
export const GAUSSIAN_CHANNELS = 14;

/** Channels with their learning-rate factor applied, before the activations: what the published code stores. */
export interface RawGaussians {
  /** [G, 3] centres in the unit cube. */
  readonly xyz: Float32Array;
  /** [G, 3] */
  readonly featuresDc: Float32Array;
  /** [G, 3] */
  readonly scaling: Float32Array;
  /** [G, 4] w, x, y, z; to be added to (1, 0, 0, 0). */
  readonly rotation: Float32Array;
  /** [G] */
  readonly opacity: Float32Array;
}

/**
 * Points of a Hammersley sequence that the Gaussians of a voxel start from, as the input of the tanh that keeps them
 * in reach: `atanh((2 h - 1) / voxel_size)`.
 *
 * @returns [num_gaussians, 3]
 */
export function offsetPerturbation({ num_gaussians: count, voxel_size: size }: GaussianRepresentation): Float32Array {
  return Float32Array.from({ length: count * 3 }, (_, at) => {
    const i = Math.floor(at / 3);
    const point = at % 3 === 0 ? i / count : radicalInverse(i, (at % 3) + 1);
    return Math.atanh(Math.fround(Math.fround(Math.fround(point) * 2 - 1) / size));
  });
}

/** Digits of i in a base, mirrored at the point. */
function radicalInverse(i: number, base: number): number {
  let value = 0;
  for (let rest = i, digit = 1 / base; rest > 0; rest = Math.floor(rest / base), digit /= base) {
    value += digit * (rest % base);
  }
  return value;
}

/**
 * @param h Raw channels [N, 14 * num_gaussians].
 * @param voxels [N, 3]
 * @param perturbation [num_gaussians, 3], used where the config says `perturb_offset`.
 */
export function rawGaussians(
  h: Float32Array,
  voxels: Int32Array,
  config: { readonly resolution: number; readonly representation_config: GaussianRepresentation },
  perturbation: Float32Array,
): RawGaussians {
  const { representation_config: rep, resolution } = config;
  const { num_gaussians: each, lr } = rep;
  const rows = voxelCount(voxels);
  const part = (from: number, width: number, rate: number): Float32Array => {
    const out = new Float32Array(rows * each * width);
    const factor = Math.fround(rate);
    for (let row = 0, at = 0; row < rows; row++) {
      const begin = (row * GAUSSIAN_CHANNELS + from) * each;
      for (let i = begin; i < begin + each * width; i++, at++) out[at] = (h[i] as number) * factor;
    }
    return out;
  };
  const xyz = part(0, 3, lr._xyz);
  const shifts = rep.perturb_offset ? perturbation : new Float32Array(each * 3);
  const reach = rep.voxel_size * 0.5;
  for (let row = 0, at = 0; row < rows; row++) {
    for (let i = 0; i < each * 3; i++, at++) {
      const centre = ((voxels[row * 3 + (i % 3)] as number) + 0.5) / resolution;
      xyz[at] = centre + (Math.tanh((xyz[at] as number) + (shifts[i] as number)) * reach) / resolution;
    }
  }
  return {
    xyz,
    featuresDc: part(3, 3, lr._features_dc),
    scaling: part(6, 3, lr._scaling),
    rotation: part(9, 4, lr._rotation),
    opacity: part(13, 1, lr._opacity),
  };
}

/** @param raw Overwritten: its arrays become those of the result. */
export function activateGaussians(raw: RawGaussians, rep: GaussianRepresentation): Gaussians {
  const { xyz: positions, featuresDc: sh0, scaling: scales, rotation: rotations, opacity: opacities } = raw;
  // The bounding box of the published decoder is [-0.5, 0.5]^3.
  for (let i = 0; i < positions.length; i++) positions[i] = (positions[i] as number) - 0.5;
  scale(scales, rep);
  normalise(rotations);
  const bias = Math.log(rep.opacity_bias / (1 - rep.opacity_bias));
  for (let i = 0; i < opacities.length; i++) opacities[i] = 1 / (1 + Math.exp(-((opacities[i] as number) + bias)));
  return { count: opacities.length, positions, sh0, scales, rotations, opacities };
}

/** Never below the filter: the root of the squares of both. */
function scale(scales: Float32Array, rep: GaussianRepresentation): void {
  const { '3d_filter_kernel_size': kernel, scaling_bias: bias } = rep;
  if (rep.scaling_activation === 'exp') {
    const shift = Math.log(bias);
    for (let i = 0; i < scales.length; i++) scales[i] = hypot2(Math.exp((scales[i] as number) + shift), kernel);
  } else {
    const shift = inverseSoftplus(bias);
    for (let i = 0; i < scales.length; i++) scales[i] = hypot2(softplus((scales[i] as number) + shift), kernel);
  }
}

/** Adds (1, 0, 0, 0) to each quaternion and makes it a unit one. */
function normalise(rotations: Float32Array): void {
  for (let i = 0; i < rotations.length; i += 4) {
    rotations[i] = (rotations[i] as number) + 1;
    const w = rotations[i] as number;
    const x = rotations[i + 1] as number;
    const y = rotations[i + 2] as number;
    const z = rotations[i + 3] as number;
    const length = Math.max(1e-12, hypot4(w, x, y, z));
    rotations[i] = w / length;
    rotations[i + 1] = x / length;
    rotations[i + 2] = y / length;
    rotations[i + 3] = z / length;
  }
}

/**
 * `Math.hypot` of two numbers that are not negative, by its steps and to its bits: the squares are taken over the longest,
 * lest they overflow. The function itself makes a list of its arguments first, which takes longer than the rest.
 */
function hypot2(a: number, b: number): number {
  const longest = a > b ? a : b;
  if (longest === 0 || longest === Infinity) return longest;
  return Math.sqrt((a / longest) ** 2 + (b / longest) ** 2) * longest;
}

/** As {@link hypot2}, of four numbers: what rounding takes from a sum of squares is taken from the next square (Kahan). */
function hypot4(a: number, b: number, c: number, d: number): number {
  const longest = Math.max(Math.abs(a), Math.abs(b), Math.abs(c), Math.abs(d));
  if (longest === 0 || longest === Infinity) return longest;
  const first = (a / longest) ** 2;
  const second = (b / longest) ** 2;
  const two = first + second;
  const third = (c / longest) ** 2 - (two - first - second);
  const three = two + third;
  const fourth = (d / longest) ** 2 - (three - two - third);
  return Math.sqrt(three + fourth) * longest;
}

function softplus(x: number): number {
  return x > 20 ? x : Math.log1p(Math.exp(x));
}

function inverseSoftplus(y: number): number {
  return y + Math.log(-Math.expm1(-y));
}
