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
export function activateGaussians(
  h: Float32Array,
  voxels: Int32Array,
  config: { readonly resolution: number; readonly representation_config: GaussianRepresentation },
  perturbation: Float32Array,
): { raw: RawGaussians; gaussians: Gaussians } {
  const { representation_config: rep, resolution } = config;
  const { num_gaussians: each, lr } = rep;
  const count = voxelCount(voxels) * each;
  const part = (from: number, width: number, rate: number): Float32Array => {
    const out = new Float32Array(count * width);
    const factor = Math.fround(rate);
    const row = each * width;
    for (let i = 0; i < out.length; i++) {
      out[i] = (h[Math.floor(i / row) * each * GAUSSIAN_CHANNELS + from * each + (i % row)] as number) * factor;
    }
    return out;
  };
  const xyz = part(0, 3, lr._xyz);
  const reach = rep.voxel_size * 0.5;
  for (let i = 0; i < xyz.length; i++) {
    const shift = rep.perturb_offset ? (perturbation[i % (each * 3)] as number) : 0;
    const centre = ((voxels[Math.floor(i / (each * 3)) * 3 + (i % 3)] as number) + 0.5) / resolution;
    xyz[i] = centre + (Math.tanh((xyz[i] as number) + shift) * reach) / resolution;
  }
  const raw: RawGaussians = {
    xyz,
    featuresDc: part(3, 3, lr._features_dc),
    scaling: part(6, 3, lr._scaling),
    rotation: part(9, 4, lr._rotation),
    opacity: part(13, 1, lr._opacity),
  };
  return { raw, gaussians: activate(raw, count, rep) };
}

function activate(raw: RawGaussians, count: number, rep: GaussianRepresentation): Gaussians {
  const kernel = rep['3d_filter_kernel_size'];
  const scale = rep.scaling_activation === 'exp' ? Math.exp : softplus;
  const scaleBias = rep.scaling_activation === 'exp' ? Math.log(rep.scaling_bias) : inverseSoftplus(rep.scaling_bias);
  const opacityBias = Math.log(rep.opacity_bias / (1 - rep.opacity_bias));
  const rotations = raw.rotation.slice();
  for (let i = 0; i < count * 4; i += 4) {
    rotations[i] = (rotations[i] as number) + 1;
    const length = Math.max(1e-12, Math.hypot(...rotations.subarray(i, i + 4)));
    for (let axis = i; axis < i + 4; axis++) rotations[axis] = (rotations[axis] as number) / length;
  }
  return {
    count,
    // The bounding box of the published decoder is [-0.5, 0.5]^3.
    positions: raw.xyz.map((value) => value - 0.5),
    sh0: raw.featuresDc,
    scales: raw.scaling.map((value) => Math.hypot(scale(value + scaleBias), kernel)),
    rotations,
    opacities: raw.opacity.map((value) => 1 / (1 + Math.exp(-(value + opacityBias)))),
  };
}

function softplus(x: number): number {
  return x > 20 ? x : Math.log1p(Math.exp(x));
}

function inverseSoftplus(y: number): number {
  return y + Math.log(-Math.expm1(-y));
}
