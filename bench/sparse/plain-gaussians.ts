/** Gaussians as the formulas say, value by value: the measure of what `gaussian-activation.ts` does run by run. */
import type { rawGaussians } from '../../packages/trellis/src/networks/gaussian-activation.ts';

type Config = Parameters<typeof rawGaussians>[2];

/** @returns positions, sh0, scales, rotations and opacities. */
export function plainGaussians(
  h: Float32Array,
  voxels: Int32Array,
  { resolution, representation_config: rep }: Config,
  perturbation: Float32Array,
): Float32Array[] {
  const { num_gaussians: each, lr } = rep;
  const count = (voxels.length / 3) * each;
  const part = (from: number, width: number, rate: number): Float32Array => {
    const row = each * width;
    const begin = (i: number) => Math.floor(i / row) * each * 14 + from * each;
    return new Float32Array(count * width).map((_, i) => (h[begin(i) + (i % row)] as number) * Math.fround(rate));
  };
  const positions = part(0, 3, lr._xyz).map((value, i) => {
    const centre = ((voxels[Math.floor(i / (each * 3)) * 3 + (i % 3)] as number) + 0.5) / resolution;
    return centre + (Math.tanh(value + (perturbation[i % (each * 3)] as number)) * rep.voxel_size * 0.5) / resolution;
  });
  const bias = rep.scaling_bias + Math.log(-Math.expm1(-rep.scaling_bias));
  const scales = part(6, 3, lr._scaling).map((value) =>
    Math.hypot(Math.log1p(Math.exp(value + bias)), rep['3d_filter_kernel_size']),
  );
  const rotations = part(9, 4, lr._rotation);
  for (let i = 0; i < rotations.length; i += 4) {
    rotations[i] = (rotations[i] as number) + 1;
    const length = Math.hypot(...rotations.subarray(i, i + 4));
    for (let axis = i; axis < i + 4; axis++) rotations[axis] = (rotations[axis] as number) / length;
  }
  const logit = Math.log(rep.opacity_bias / (1 - rep.opacity_bias));
  const opacities = part(13, 1, lr._opacity).map((value) => 1 / (1 + Math.exp(-(value + logit))));
  return [positions.map((value) => value - 0.5), part(3, 3, lr._features_dc), scales, rotations, opacities];
}
